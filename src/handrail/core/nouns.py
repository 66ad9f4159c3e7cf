"""The nouns of this field, as data: which area a word is about (`lexicon.AREAS`).

* `NOUNS` map a word (in the singular) to its area; a word that stands in no list says nothing.
* `STRONGER` says which area a name is about when two are named.
* `GROUNDS`, `SECRETS` and `HEALTH` are the few words by which a floor recognises its ground.
"""

from collections.abc import Mapping
from types import MappingProxyType

_NOUNS = """
ticket: ticket case helpdesk servicedesk triage diagnostic workorder appointment request requester
incident: incident problem escalation change
alert: alert alarm notification event signal
task: task todo checklist timesheet time timer planner reminder activity worklog bucket
calendar: calendar meeting attendee room webinar
document: document doc article kb wiki runsheet section page notebook procedure asset
  configuration diagram solution
record: company customer client organization organisation opportunity lead project location site board
  vendor product category phase
money: invoice quote agreement contract addition subscription order purchase expense charge
  payment billing price estimate refund credit
draft: draft
absence: autoreply outofoffice vacation absence oof
channel: channel
chat: chat conversation thread reaction
mail: mail email message inbox attachment newsletter
mailbox: mailbox forwarding forward signature
file: file folder drive onedrive sharepoint share library sftp upload
content: content transcript worksheet range cell slide workbook body blob clipboard
people: hr payroll salary employee ssn resume review
health: patient medical diagnosis prescription phi ehr
secret: secret credential apikey key token certificate cert vault otp totp bitlocker laps
  passphrase recoverykey pin passwords
password: password passwd pwd lockout
user: user manager people account member identity profile person mailuser guest agent technician admin visitor
  contractor staff
contact: contact
access: group role permission right privilege mfa factor authenticator authentication acl
  membership owner entitlement access scope sso saml oauth consent delegate delegation
  invitation
application: app application assurance brand customization directory login session
licence: license licence sku seat
security: policy rule conditional baseline exception exclusion whitelist blacklist allowlist
  blocklist compliance antivirus defender edr encryption dlp sensitivity retention quarantine
  mailrule inboxrule
threat: threat malware remediation detection phish phishing virus
network: firewall vlan vpn dns dhcp route router routing nat switch switchport port subnet
  gateway wlan ssid wifi radius ap interface tunnel qos network virtualip vip ip ips aps voucher snmp stp lldp
  zone dnsrecord domain portforward usergroup radio bandwidth traffic wan lan mac
  outlet pdu
server: server vm virtualmachine pod namespace node deployment cluster container volume disk
  storage helm database db hypervisor host kubernetes docker registry esx resource
  manifest object replica ingress cron systemd dc domaincontroller
backup: backup restorepoint replication recovery snapshot autobackup dr point failover
monitor: camera monitor monitoring sensor webhook maintenance probe
camera: recording clip footage stream video
door: door gate credentialcard reader elevator
device: device workstation laptop desktop endpoint computer machine phone tablet printer pc
service: service spooler daemon
software: software package patch program firmware driver installer
runbook: runbook script job automation playbook workflow component action recipe
leftover: temp cache tempfile tmp cookie
query: sql kql odata graphql lucene splunk
report: report dashboard statistic metric chart
tenant: tenant tenancy
plain: status emoji emojis insight info detail version type stat queue field capability connection log priority stage
  state summary overview health language place workspace catalog table row column view preset
  survey subcategory manufacturer chime liveview result outcome failure anomaly light schema reference
  repository connector menu team presence tool context speedtest
"""


def _nouns(text: str) -> Mapping[str, str]:
    """`area: words`, a line each; a line that is indented goes on with the one before."""
    found: dict[str, str] = {}
    for entry in text.replace("\n  ", " ").strip().splitlines():
        area, _, words = entry.partition(":")
        found |= dict.fromkeys(words.split(), area)
    return MappingProxyType(found)


#: Noun in the singular → area. A word that is not there says nothing.
NOUNS: Mapping[str, str] = _nouns(_NOUNS)

#: Where the left area is named, the right ones are context: a note on a ticket about a user's
#: device is about the ticket.
STRONGER: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "draft": frozenset({"mail", "chat"}),
        "chat": frozenset({"mail"}),
        "ticket": frozenset(
            "user contact mail chat file device record task calendar service document alert "
            "incident software content report password camera".split()
        ),
        "incident": frozenset("user contact device record report file content document".split()),
        "task": frozenset("user contact record file calendar document".split()),
        "alert": frozenset("device user monitor record service".split()),
        "absence": frozenset("mailbox mail user".split()),
        "document": frozenset("record file content device".split()),
        "leftover": frozenset("file device".split()),
        "service": frozenset("device".split()),
        "software": frozenset("device".split()),
        "runbook": frozenset("device software document service".split()),
        "password": frozenset("user device".split()),
        "licence": frozenset("user".split()),
        "money": frozenset("record contact document".split()),
        "report": frozenset("record".split()),
        "threat": frozenset("mail device file".split()),
    }
)

#: Words that put a change on the ground of a floor by the tool's name alone, whatever category its
#: row states. Only plain ones: nobody can sign a floor away, so a doubtful word would be friction.
GROUNDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "access": frozenset(
            "user account group role permission privilege mfa factor authenticator acl membership member "
            "entitlement sso saml oauth consent delegate delegation admin credential secret "
            "apikey certificate invitation door".split()
        ),
        "security": frozenset(
            "policy conditional exception exclusion whitelist blacklist allowlist blocklist "
            "antivirus defender edr encryption dlp mailrule inboxrule bitlocker".split()
        ),
        "network": frozenset(
            "firewall vlan vpn dns dhcp nat switchport wlan ssid wifi radius portforward vip router "
            "subnet gateway ".split()
        ),
        "server": frozenset(
            "server vm virtualmachine hypervisor domaincontroller dc cluster".split()
        ),
        "backup": frozenset(
            "backup restorepoint replication failover autobackup retention".split()
        ),
    }
)
#: Words that make a read a read of secrets or of health data, whatever its row states.
SECRETS = frozenset(
    "password passwords passwd secret credential apikey recoverykey bitlocker laps otp totp vault "
    "passphrase".split()
)
HEALTH = frozenset("patient medical diagnosis prescription phi ehr".split())
