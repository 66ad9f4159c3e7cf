"""A small, stateful managed service provider to practise on (SPEC section 11, issue "the spine").

* ``world``, ``seed``, ``arrivals``  its state in one SQLite file, how it begins, what happens to it
* ``tools``, ``server``              the upstream: a real MCP server over stdio
* ``agent``, ``playbooks``           a scripted agent that works through its help-desk tickets
* ``people``, ``clients``, ``policy``  who works there, for whom, and by which policy

It stands for systems that are not Handrail's, so it imports nothing of ours but ``errors``.
All names, people and organisations are invented.
"""
