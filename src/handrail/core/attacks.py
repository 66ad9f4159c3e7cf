"""What somebody who wants the record to say something else would have to do, and what finds it
(LEDGER, "Attacks"). Each is carried out by a test of the same name, beside a control that passes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attack:
    """One way to falsify the record. ``needs`` is what the attacker must hold for it."""

    name: str
    does: str
    needs: str
    found_by: str


FILES, DATABASE, KEY, WITNESS = (
    "the published files",
    "the database",
    "the log's signing key",
    "the witness's machine",
)

ATTACKS = (
    Attack("edit", "Change a word in an entry", FILES, "verify: its bytes do not give its leaf"),
    Attack("delete", "Take an entry out", FILES, "verify: the bundle ends too early"),
    Attack("insert", "Put an entry in", FILES, "verify: the bundle goes on too long"),
    Attack("reorder", "Swap two entries", FILES, "verify: neither gives its leaf"),
    Attack("truncate", "Cut the newest entries off", FILES, "verify: the right edge is gone"),
    Attack("backdate", "Move an entry's time back", FILES, "verify: its bytes do not give its leaf"),
    Attack(
        "repaired-tile",
        "Edit an entry, and repair every hash up to the root",
        FILES,
        "verify: the root is not the signed one",
    ),
    Attack("swapped-key", "Sign it all with another key", FILES, "verify: not signed by your key"),
    Attack(
        "form",
        "Write an entry so that two readers read it differently",
        KEY,
        "verify: not in the one canonical form",
    ),
    Attack(
        "splice",
        "Put one client's entry into another client's chain",
        KEY,
        "verify: it does not name the entry before it",
    ),
    Attack(
        "left-out",
        "Leave an entry out of what a client is given",
        FILES,
        "verify of the client's export: a place is missing",
    ),
    Attack(
        "older-copy",
        "Put the whole database back to an older copy",
        DATABASE,
        "the signer's own memory: it signs nothing more",
    ),
    Attack(
        "lost-tail",
        "Lose entries for which a proof was given out",
        f"{DATABASE}, the signer's memory and {KEY}",
        "verify --kept with the proof",
    ),
    Attack(
        "rewrite",
        "Write another history and sign it",
        f"{DATABASE}, the signer's memory and {KEY}",
        "a witness: it does not continue what was seen",
    ),
    Attack(
        "split-view",
        "Show two readers two histories",
        KEY,
        "a mirror: it does not continue what is held",
    ),
    Attack(
        "witness-put-back",
        "Put the witness back to an older memory as well",
        f"{KEY} and {WITNESS}",
        "the next witness: each has a memory of its own",
    ),
    Attack(
        "row",
        "Change what pages and the gate read",
        DATABASE,
        "export, doctor and Verify now: the row differs from its entries",
    ),
    Attack(
        "sealed-swapped",
        "Put other arguments in place of the sealed ones",
        DATABASE,
        "export, doctor and Verify now: not the digest in the entry",
    ),
    Attack(
        "second-key",
        "Make sealed data open to something else under a second key",
        f"{DATABASE} and the keys",
        "the seal: it is bound to its one key",
    ),
    Attack(
        "suppressed",
        "Keep an outcome, or a whole day, out of the record",
        "the server",
        "export and doctor: a begin without an outcome, a silence longer than the heartbeat",
    ),
    Attack(
        "two-writers",
        "Let a server that was left behind go on writing",
        "a second server",
        "the store: it takes the head that is there, and never forks",
    ),
    Attack(
        "crash",
        "Kill the server between commit, signature and publication",
        "the server",
        "the next start signs what was committed",
    ),
    Attack(
        "endless",
        "Make the verifier hang or swell",
        FILES,
        "verify: every file has its length, and nothing is read before it is believed",
    ),
)  # fmt: skip
