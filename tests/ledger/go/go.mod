module handrail.example/readlog

go 1.27

require golang.org/x/mod v0.40.0
