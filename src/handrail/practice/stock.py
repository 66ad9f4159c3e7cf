"""What the practice world is stocked with before anyone lives in it: names, software, scripts,
services, documents and messages. Data only; all invented."""

from typing import Final

GIVEN: Final = (
    "Maria",
    "Owen",
    "Tess",
    "Ravi",
    "Noor",
    "Greta",
    "Felix",
    "Amara",
    "Colin",
    "Yuki",
    "Petra",
    "Hamid",
    "Elsie",
    "Bruno",
    "Wanda",
    "Silas",
    "Ines",
    "Dmitri",
    "Joan",
    "Kofi",
    "Lotte",
    "Mateo",
    "Nadia",
    "Piotr",
    "Rosa",
    "Sven",
    "Thea",
    "Umar",
    "Vera",
    "Wyatt",
    "Xenia",
    "Yara",
    "Zoe",
    "Alba",
    "Björn",
    "Cleo",
    "Dario",
    "Edda",
    "Finn",
    "Gloria",
    "Hugo",
    "Iris",
    "Jasper",
    "Karin",
    "Leif",
    "Mona",
    "Nils",
    "Olga",
    "Pavel",
    "Quinn",
    "Runa",
    "Stig",
    "Tilda",
    "Ulla",
    "Viktor",
    "Wilma",
    "Anton",
    "Berit",
    "Carl",
    "Disa",
)
FAMILY: Final = (
    "Ellison",
    "Marsh",
    "Novak",
    "Calloway",
    "Iversen",
    "Bright",
    "Okoye",
    "Lindgren",
    "Tanaka",
    "Moreau",
    "Fenwick",
    "Hale",
    "Castell",
    "Ravn",
    "Dupree",
    "Nyström",
    "Abbott",
    "Keane",
    "Solis",
    "Varga",
    "Whitlock",
    "Brandt",
    "Osei",
    "Petersen",
    "Larkin",
    "Mbeki",
    "Thorne",
    "Ekström",
    "Ferris",
    "Galvin",
    "Holm",
    "Jansson",
    "Kerr",
    "Lowell",
    "Madsen",
    "Norling",
    "Oakes",
    "Pryce",
    "Quist",
    "Rowe",
    "Sandell",
    "Tate",
    "Usman",
    "Voss",
    "Wexler",
    "Young",
    "Zeller",
    "Ashby",
    "Byrne",
    "Crane",
    "Dahl",
    "Egan",
    "Frost",
    "Grant",
    "Hobbs",
    "Ives",
    "Joyce",
    "Kline",
    "Lund",
    "Mercer",
)
TITLES: Final = {
    "standard": ("Coordinator", "Assistant", "Specialist", "Clerk", "Planner", "Associate"),
    "vip": ("Managing director", "Senior partner", "Practice owner", "Head of school"),
    "admin": ("Local IT contact",),
    "service": ("Service account",),
}

#: sku, seats beyond those in use
LICENCES: Final = (
    ("M365-BUSINESS", 4),
    ("VISIO-PLAN2", 2),
    ("PROJECT-PLAN3", 1),
    ("TEAMS-PHONE", 2),
)

#: name, latest, previous, approved, about
PACKAGES: Final = (
    ("7-zip", "26.01", "24.09", 1, "Archive tool; standard on every workstation."),
    ("acrobat-reader", "26.2", "25.8", 1, "PDF reader; standard on every workstation."),
    ("firefox-esr", "140.6", "140.1", 1, "Browser; standard on every workstation."),
    ("teams", "26.30", "26.11", 1, "Meetings and chat; approved."),
    ("vlc", "3.0.23", "3.0.20", 1, "Media player; approved."),
    ("zoom", "7.1", "6.4", 1, "Meetings; approved."),
    ("notepad-plus", "8.9", "8.6", 1, "Text editor; approved."),
    ("scan-station", "4.2", "4.0", 1, "Driver for the desk scanners; approved."),
    ("remote-helper", "2.9", "2.4", 0, "Remote control by an unknown publisher; not approved."),
    ("torrent-box", "5.5", "5.1", 0, "File sharing; not approved."),
)
STANDARD_SOFTWARE: Final = ("7-zip", "acrobat-reader", "firefox-esr")

WORKSTATION_SERVICES: Final = ("Print Spooler", "Windows Update", "Audio", "VPN Client")
SERVER_SERVICES: Final = {
    "FS": ("File Shares", "DFS Replication"),
    "SQL": ("SQL Server", "SQL Agent"),
    "IMG": ("X-Ray Import", "Image Store"),
    "ERP": ("ERP Application", "ERP Scheduler"),
    "CAD": ("Licence Server",),
    "DMS": ("Document Store", "Index Service"),
    "TAX": ("Tax Engine",),
    "MES": ("Line Control", "Label Printing"),
}
SERVER_CONFIG: Final = (
    ("max-memory-gb", "24"),
    ("remote-desktop", "off"),
    ("smb1", "off"),
    ("time-source", "pool.northgate.example"),
    ("update-window", "Sun 02:00"),
)

#: name, about, text: what a named script does is part of the action
SCRIPTS: Final = (
    (
        "clear-temp-files",
        "Deletes files under the temporary folders older than seven days.",
        "Get-ChildItem $env:TEMP -Recurse | Where LastWriteTime -lt (Get-Date).AddDays(-7) | Remove-Item",
    ),
    (
        "rebuild-teams-cache",
        "Stops Teams, deletes its cache and starts it again.",
        "Stop-Process -Name ms-teams; Remove-Item $env:APPDATA\\Teams\\Cache -Recurse; Start-Process ms-teams",
    ),
    (
        "collect-diagnostics",
        "Packs the event logs and the network state for a technician.",
        "wevtutil epl System sys.evtx; ipconfig /all > net.txt; Compress-Archive *.evtx,net.txt diag.zip",
    ),
)

FIREWALL: Final = (
    ("LAN-to-WAN-web", "allow", "10.20.0.0/16", "any", "tcp/443"),
    ("LAN-to-WAN-dns", "allow", "10.20.0.0/16", "any", "udp/53"),
    ("VPN-to-LAN", "allow", "10.99.0.0/24", "10.20.0.0/16", "any"),
    ("WAN-to-LAN", "deny", "any", "10.20.0.0/16", "any"),
)
BACKUP_FILES: Final = (
    ("Shared/Budget 2026.xlsx", 840),
    ("Shared/Contracts/Lease.docx", 96),
    ("Shared/Plans/Floor 2.pdf", 2210),
    ("Home/Desktop/Notes.docx", 44),
)

#: kind, title, text; one of each per client, ``{name}`` and ``{code}`` are the client's
SHEETS: Final = (
    (
        "client sheet",
        "{name}: who and how",
        (
            "Call the local contact before anything is restarted in opening hours. Password resets:"
            " identify the caller by call-back to the number on file. New accounts and rights only on"
            " a ticket from the office manager. Network: VLAN 10 office, VLAN 20 guests, VLAN 30"
            " accounting, VLAN 40 printers."
        ),
    ),
    (
        "network",
        "{code}: network and firewall",
        (
            "One firewall ({code}-FW01) and one switch ({code}-SW01). The copier sends its scans to"
            " scans.payrite.example over tcp/445; nothing else at this site speaks SMB to the outside."
            " Firewall changes are made outside opening hours and written into the site log."
        ),
    ),
    (
        "backup",
        "{code}: backup and restore",
        (
            "Nightly image of each server at 22:00, kept 30 days, copied off site at 03:00. Restore"
            " single files beside the original and let the user compare; never over it."
        ),
    ),
)
RUNBOOKS: Final = (
    (
        "RB-101",
        "Print spooler stops",
        (
            "1. Read the device's event log for source Spooler. 2. Restart the service Print Spooler."
            " 3. Read the device again: the service must be running. 4. If it stops again within the"
            " day, look for a stuck job on the print server instead of restarting a third time."
        ),
    ),
    (
        "RB-102",
        "Locked or forgotten password",
        (
            "1. Identify the caller by call-back. 2. Read the account: only standard accounts by this"
            " runbook. 3. Unlock, or reset with change at next sign-in. 4. Three lockouts in a day: look"
            " for a phone or a service with the old password."
        ),
    ),
    (
        "RB-110",
        "Install approved software",
        (
            "1. The package must be on the approved list. 2. The device must be online and managed."
            " 3. Install, read the device, note the version in the ticket."
        ),
    ),
    (
        "RB-120",
        "Suspicious sign-in or mail rule",
        (
            "1. Read mailbox rules and forwarding. 2. If forwarding goes to the outside, turn it off."
            " 3. Isolate the workstation when malware is likely. 4. Tell the security lead."
        ),
    ),
    (
        "RB-130",
        "Failed backup",
        (
            "1. Read the job. 2. Run it once by hand. 3. If it fails again, check free space on the"
            " target before touching the schedule."
        ),
    ),
)

MESSAGES: Final = (
    ("Inbox", "Minutes of Monday's meeting", "Please find the minutes below. Budget was approved."),
    ("Inbox", "Your appointment", "This is to remind you of your appointment on Thursday at 9."),
    ("Inbox", "Invoice attached", "Dear colleague, the invoice we spoke about is attached."),
    ("Sent", "Re: holiday cover", "I am back on the 14th. Until then Wanda has my files."),
)
