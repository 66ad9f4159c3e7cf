"""How people are told. One contract, one file per implementation."""
