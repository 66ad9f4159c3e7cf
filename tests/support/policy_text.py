"""The texts of a small, sound policy folder, to be changed by tests."""

MAIN = """\
version: 1
organisation: {name: Test}
roles:
  lead: {says: Decides, backups: [boss]}
  boss: {says: Answers for it, per_client: true}
chains:
  all: [lead, boss]
routing:
  - {chain: all, categories: [security]}
  - {chain: all}
"""
SIGNATURES = """\
signatures:
  - {role: senior-technician, by: A, at: 2026-11-02, why: x}
  - {role: service-desk-manager, by: B, at: 2026-11-02, why: x}
  - {role: compliance-officer, by: C, at: 2026-11-02, why: x}
"""
ROW = """\
rows:
  - type: psa.add_note
    tier: 1
    says: "Add a note to {args.ticket_id}"
    said: "Added a note to {targets}"
    category: ticketing
    effect: change
    client: args.client_id
    targets: "[args.ticket_id]"
    target_kind: ticket
    data_classes: [identifier]
    content: []
    scorecard:
      reversibility: {level: immediate, why: x}
      blast_radius: {level: single, why: x}
      compliance: {level: identifier, why: x}
      frequency: {level: daily, why: x}
    rationale: Plain
    owner: Somebody
"""
READ = ROW.replace("add_note", "get").replace("effect: change", "effect: read")
RULE = """\
rules:
  - {name: r, about: {types: ["psa.*"]}, when: targets.count > 3, tier: 3, because: too many}
"""
