"""The ledger, verifiable by vendoring this one folder."""
