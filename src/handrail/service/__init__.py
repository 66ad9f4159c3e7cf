"""What happens: asking, answering, beginning, reversing, and time passing.

    ask ──► facts ──► classify ──► record                    never executes
    answer · reverse · pause                                 a person's acts
    begin ──► connectors/host ──► outcome ──► record         the one way to the world
    sweep                                                    moves time along, decides nothing

`Services` is what the doors get: every act and every page goes through one of its fields.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handrail.service.answer import Answers
    from handrail.service.availability import Availability
    from handrail.service.backtest import Backtest
    from handrail.service.breakers import Breakers
    from handrail.service.catalogue import Catalogue
    from handrail.service.clients import Clients
    from handrail.service.drafts import Drafts
    from handrail.service.evidence import Evidence
    from handrail.service.findings import Findings
    from handrail.service.govern import Govern
    from handrail.service.incident import Incidents
    from handrail.service.notices import Notices
    from handrail.service.pause import Pauses
    from handrail.service.people import Directory
    from handrail.service.policies import Policies
    from handrail.service.reading import Read
    from handrail.service.reading.team import Team
    from handrail.service.record import Record
    from handrail.service.rehearse import Rehearsals
    from handrail.service.reopen import Reopen
    from handrail.service.reverse import Reversals
    from handrail.service.reviews import Reviews
    from handrail.service.ring import Ring
    from handrail.service.shadow import Shadows
    from handrail.service.standing import Standings
    from handrail.service.starting import Starting


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a door may ask for. Synchronous; asynchronous doors call it in threads."""

    govern: "Govern"
    answers: "Answers"
    reversals: "Reversals"
    rehearsals: "Rehearsals"
    notices: "Notices"
    pauses: "Pauses"
    standings: "Standings"
    breakers: "Breakers"
    reviews: "Reviews"
    evidence: "Evidence"
    incidents: "Incidents"
    findings: "Findings"
    clients: "Clients"
    catalogue: "Catalogue"
    policies: "Policies"
    backtest: "Backtest"
    drafts: "Drafts"
    read: "Read"
    record: "Record"
    reopen: "Reopen"
    directory: "Directory"
    ring: "Ring"
    starting: "Starting"
    shadows: "Shadows"
    availability: "Availability"
    team: "Team"
