"""Every decision point, named once as ``source:subject:action`` (SPEC section 9).

``source`` is who made it happen: `agent`, `person`, or `handrail` itself. `sentence` renders an
entry for people from its typed facts alone, so that a story reads the same after an erasure.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class EventType(StrEnum):
    """The name of a ledger event. Adding one needs a sentence in `SENTENCES`."""

    LOG_STARTED = "handrail:log:started"
    HEARTBEAT = "handrail:log:heartbeat"

    ACTION_BEGUN = "handrail:action:begun"  # tier 1 and 2: asked, judged and begun in one entry
    ACTION_PROPOSED = "handrail:action:proposed"  # tier 3: asked, judged and waiting in one entry
    ACTION_REFUSED = "handrail:action:refused"
    ACTION_RELEASED = "handrail:action:released"  # an approved action begins
    ACTION_DONE = "handrail:action:done"
    ACTION_FAILED = "handrail:action:failed"
    ACTION_UNKNOWN = "handrail:action:unknown"
    CHECK_PASSED = "handrail:check:passed"
    CHECK_FAILED = "handrail:check:failed"
    CHECK_UNREAD = "handrail:check:unread"  # it could not be read before it was overdue
    ACTION_PASSED = "handrail:action:passed-in-shadow"  # asked, judged and passed in one entry
    ACTION_PASSED_ENDED = "handrail:action:ended-in-shadow"
    ACTION_WITHDRAWN = "agent:action:withdrawn"
    ACTION_SUPERSEDED = "handrail:action:superseded"
    ACTION_REPORTED = "agent:action:reported"  # a cooperative outcome, in the agent's words
    ACTION_NOTED = "agent:action:noted"
    AGENT_ESCALATED = "agent:trigger:escalated"
    AGENT_LIMITED = "handrail:agent:limited"  # one finding for many refusals
    READ_MADE = "handrail:read:made"  # Handrail's own read: a snapshot, a check, a precondition

    PROPOSAL_ASKED = "handrail:proposal:asked"  # a step of the chain was asked
    PROPOSAL_ESCALATED = "handrail:proposal:escalated"
    PROPOSAL_REMINDED = "handrail:proposal:reminded"  # half of a step's window has passed
    PROPOSAL_ALARMED = "handrail:proposal:alarmed"  # the end of the chain, or nobody to ask
    PROPOSAL_LAPSED = "handrail:proposal:lapsed"
    PROPOSAL_OPENED = "person:proposal:opened"
    PROPOSAL_APPROVED = "person:proposal:approved"
    PROPOSAL_MODIFIED = "person:proposal:modified"
    PROPOSAL_DENIED = "person:proposal:denied"
    PROPOSAL_ASKED_BACK = "person:proposal:asked-back"
    PROPOSAL_HANDED_OVER = "person:proposal:handed-over"
    PROPOSAL_ABSTAINED = "person:proposal:abstained"
    PROPOSAL_REVOKED = "person:proposal:revoked"
    ANSWER_WITHOUT_EFFECT = "person:answer:without-effect"

    NOTICE_SENT = "handrail:notice:sent"
    NOTICE_JOINED = "handrail:notice:joined"  # it went onto a card that somebody was told of
    NOTICE_UNDELIVERED = "handrail:notice:undelivered"
    NOTICE_ESCALATED = "handrail:notice:escalated"
    NOTICE_LOOKS_RIGHT = "person:notice:looks-right"
    NOTICE_WAS_WRONG = "person:notice:was-wrong"

    REVERSAL_BEGUN = "person:reversal:begun"
    REVERSAL_STEP = "handrail:reversal:step"  # one item of a list
    REVERSAL_PARTLY = "handrail:reversal:partly"  # what was chosen of a list was undone
    REVERSAL_DONE = "handrail:reversal:done"
    REVERSAL_FAILED = "handrail:reversal:failed"
    REVERSAL_UNKNOWN = "handrail:reversal:unknown"

    REHEARSAL_BEGUN = "handrail:rehearsal:begun"
    REHEARSAL_PROVEN = "handrail:rehearsal:proven"
    REHEARSAL_FAILED = "handrail:rehearsal:failed"
    REHEARSAL_UNKNOWN = "handrail:rehearsal:unknown"

    INCIDENT_OPENED = "person:incident:opened"
    INCIDENT_FOUND = "handrail:incident:found"
    INCIDENT_CLOSED = "person:incident:closed"
    INCIDENT_LINKED = "person:incident:linked"
    INCIDENT_UNLINKED = "person:incident:unlinked"
    FOLLOW_UP_SET = "person:follow-up:set"  # what is to be done after an incident
    FOLLOW_UP_DONE = "person:follow-up:done"
    WITHHELD_READ = "person:result:revealed"  # a person looked at what was kept from an agent
    FINDING_SETTLED = "person:finding:settled"

    PAUSED = "person:pause:set"
    PAUSE_EASED = "person:pause:eased"
    RESUME_PROPOSED = "person:pause:resume-proposed"
    RESUMED = "person:pause:ended"
    DEMOTED = "person:standing:demoted"
    DEMOTED_ITSELF = "handrail:standing:demoted"
    RELEASED = "person:standing:released"  # a person looked into a demotion
    PROMOTED = "person:standing:promoted"
    NOMINATED = "handrail:standing:nominated"  # its evidence allows less oversight
    PROMOTION_PROPOSED = "person:standing:promotion-proposed"  # the first of two people
    NOMINATION_DISMISSED = "person:standing:dismissed"
    BREAKER_OPENED = "handrail:breaker:opened"
    BREAKER_PROBATION = "person:breaker:probation"
    BREAKER_CLOSING = "person:breaker:close-proposed"  # the first of two people
    BREAKER_CLOSED = "person:breaker:closed"

    REVIEW_OPENED = "handrail:review:opened"
    REVIEW_ANSWERED = "person:review:answered"
    REVIEW_SIGNED = "person:review:signed"

    SHADOW_PROPOSED = "person:shadow:proposed"
    SHADOW_OPENED = "person:shadow:opened"
    SHADOW_EXTENSION_PROPOSED = "person:shadow:extension-proposed"
    SHADOW_EXTENDED = "person:shadow:extended"
    SHADOW_ENDED = "person:shadow:ended"

    POLICY_DRAFTED = "person:policy:drafted"
    POLICY_PROPOSED = "person:policy:proposed"
    POLICY_WITHDRAWN = "person:policy:withdrawn"
    POLICY_PUBLISHED = "person:policy:published"
    TOOL_WITHHELD = "handrail:tool:withheld"
    TOOL_ACCEPTED = "person:tool:accepted"
    CONNECTION_SET = "person:connection:set"
    CLIENT_SET = "person:client:set"
    CLIENT_PROPOSED = "person:client:proposed"  # it can lower oversight
    CLIENT_WITHDRAWN = "person:client:withdrawn"

    PERSON_ADDED = "person:person:added"
    PERSON_CHANGED = "person:person:changed"
    PERSON_REACHED = "person:person:reached"  # the ring-me test
    ROLE_GRANTED = "person:role:granted"
    ROLE_ENDED = "person:role:ended"
    ROLE_LENT = "person:role:lent"  # a delegation; it may wait for a second person
    ROLE_LENT_AGREED = "person:role:lent-agreed"
    ROLE_LENT_ENDED = "person:role:lent-ended"
    SET_UP = "person:organisation:set-up"
    SIGNED_IN = "person:session:signed-in"
    SIGN_IN_FAILED = "person:session:refused"
    SIGNED_OUT = "person:session:signed-out"
    STEPPED_UP = "person:session:stepped-up"
    PASSKEY_ADDED = "person:passkey:added"
    PASSKEY_REMOVED = "person:passkey:removed"
    AGENT_ADDED = "person:agent:added"
    AGENT_CHANGED = "person:agent:changed"
    KEY_ISSUED = "person:key:issued"
    KEY_REVOKED = "person:key:revoked"
    EXPORTED = "person:ledger:exported"
    REOPEN_PROPOSED = "person:ledger:reopen-proposed"
    REOPENED = "person:ledger:reopened"  # the first entry under the record's new name
    KEY_ROTATED = "person:ledger:key-rotated"


#: One sentence each; `{who}` is the principal's name, other fields are facts of the event.
SENTENCES: Mapping[EventType, str] = {
    EventType.LOG_STARTED: "The log was started.",
    EventType.HEARTBEAT: "Handrail was running and had nothing to record.",
    EventType.ACTION_BEGUN: "{who} asked for {type}; it was classified tier {tier} and begun at once.",
    EventType.ACTION_PROPOSED: "{who} asked for {type}; it was classified tier {tier} and waits for people.",
    EventType.ACTION_REFUSED: "{who} asked for {type}; it was refused: {why}.",
    EventType.ACTION_RELEASED: "The approved action {type} was begun.",
    EventType.ACTION_DONE: "It was done ({why}).",
    EventType.ACTION_FAILED: "It failed: {why}.",
    EventType.ACTION_UNKNOWN: "Its outcome is unknown: {why}.",
    EventType.CHECK_PASSED: "Its check saw what was specified.",
    EventType.CHECK_FAILED: "Its check did not see what was specified: it is {state}.",
    EventType.CHECK_UNREAD: "Its check could not be read in time: it is {state}.",
    EventType.ACTION_PASSED: "{who} asked for {type}; it passed in shadow, ungoverned. It would have been tier {tier}.",
    EventType.ACTION_PASSED_ENDED: "What passed in shadow ended {ended}: {why}.",
    EventType.ACTION_WITHDRAWN: "{who} withdrew it.",
    EventType.ACTION_SUPERSEDED: "Version {version} took its place: {why}.",
    EventType.ACTION_REPORTED: "{who} reported {state}; that is its own word.",
    EventType.ACTION_NOTED: "{who} noted what it weighed.",
    EventType.AGENT_ESCALATED: "{who} raised its hand: {kind}.",
    EventType.AGENT_LIMITED: "The agent {agent} ran into a limit: {why}.",
    EventType.READ_MADE: "Handrail read {type}: {purpose}.",
    EventType.PROPOSAL_ASKED: "{role} was asked, until {until}.",
    EventType.PROPOSAL_ESCALATED: "Nobody answered in time; the question moved on to {role}.",
    EventType.PROPOSAL_REMINDED: "{role} was reminded, until {until}.",
    EventType.PROPOSAL_ALARMED: "The end of the chain was reached without an answer; everyone was alarmed.",
    EventType.PROPOSAL_LAPSED: "Nobody answered; the proposal lapsed. It did not run.",
    EventType.PROPOSAL_OPENED: "{who} opened the decision package.",
    EventType.PROPOSAL_APPROVED: "{who} approved version {version}.",
    EventType.PROPOSAL_MODIFIED: "{who} approved it with a modification, as version {version}.",
    EventType.PROPOSAL_DENIED: "{who} denied it: {reason}.",
    EventType.PROPOSAL_ASKED_BACK: "{who} asked the agent a question.",
    EventType.PROPOSAL_HANDED_OVER: "{who} handed it over to {to}.",
    EventType.PROPOSAL_ABSTAINED: "{who} abstained.",
    EventType.PROPOSAL_REVOKED: "{who} revoked the approval before it began.",
    EventType.ANSWER_WITHOUT_EFFECT: "{who} answered {answer}, too late to have an effect.",
    EventType.NOTICE_SENT: "{person} was told.",
    EventType.NOTICE_JOINED: "It joined a card of which {person} was told.",
    EventType.NOTICE_UNDELIVERED: "Nobody could be told within the send window.",
    EventType.NOTICE_ESCALATED: "The notice was not looked at in time and went to {person}.",
    EventType.NOTICE_LOOKS_RIGHT: "{who} looked at it: looks right.",
    EventType.NOTICE_WAS_WRONG: "{who} looked at it: this was wrong.",
    EventType.REVERSAL_BEGUN: "{who} began to reverse it.",
    EventType.REVERSAL_STEP: "Item {step} of {of}: {state}.",
    EventType.REVERSAL_PARTLY: "{done} of {of} were reversed; {verified}.",
    EventType.REVERSAL_DONE: "It was reversed; {verified}.",
    EventType.REVERSAL_FAILED: "The reversal failed: {why}.",
    EventType.REVERSAL_UNKNOWN: "The outcome of the reversal is unknown: {why}.",
    EventType.REHEARSAL_BEGUN: "{who} began a rehearsal of {type} on its safe target.",
    EventType.REHEARSAL_PROVEN: "The rollback of {type} was proven by a rehearsal.",
    EventType.REHEARSAL_FAILED: "The rehearsal of {type} failed.",
    EventType.REHEARSAL_UNKNOWN: "The rehearsal of {type} ended in the middle.",
    EventType.INCIDENT_OPENED: "{who} reported a {severity} incident.",
    EventType.INCIDENT_FOUND: "A {severity} incident was opened: {why}.",
    EventType.INCIDENT_CLOSED: "{who} closed the incident.",
    EventType.INCIDENT_LINKED: "{who} linked it to the incident {incident}.",
    EventType.INCIDENT_UNLINKED: "{who} took it off the incident {incident}.",
    EventType.FOLLOW_UP_SET: "{who} gave {owner} a follow-up of the incident {incident}.",
    EventType.FOLLOW_UP_DONE: "{who} marked a follow-up of the incident {incident} as done.",
    EventType.WITHHELD_READ: "{who} looked at the withheld result of {type}.",
    EventType.FINDING_SETTLED: "{who} settled the finding about {type}.",
    EventType.PAUSED: "{who} paused {scope} {ref}: {degree}.",
    EventType.PAUSE_EASED: "{who} eased the pause of {scope} {ref} from stop to restrict.",
    EventType.RESUME_PROPOSED: "{who} proposed to resume {scope} {ref}; a second person is needed.",
    EventType.RESUMED: "{who} resumed {scope} {ref}.",
    EventType.DEMOTED: "{who} demoted {type} to tier {tier}.",
    EventType.DEMOTED_ITSELF: "{type} was demoted to tier {tier}: {why}.",
    EventType.RELEASED: "{who} looked into {type} and let it go on at tier {tier}.",
    EventType.PROMOTED: "{who} promoted {type} to tier {tier} for {reach} clients.",
    EventType.NOMINATED: "The evidence of {type} allows tier {tier}; people decide.",
    EventType.PROMOTION_PROPOSED: "{who} proposed to promote {type} to tier {tier}; a second person is needed.",
    EventType.NOMINATION_DISMISSED: "{who} dismissed the nomination of {type}.",
    EventType.BREAKER_OPENED: "The breaker of {what} opened: {why}. It runs at tier 3.",
    EventType.BREAKER_PROBATION: "{who} put the breaker of {what} on probation.",
    EventType.BREAKER_CLOSING: "{who} proposed to move the breaker of {what} on; a second person is needed.",
    EventType.BREAKER_CLOSED: "{who} closed the breaker of {what}.",
    EventType.REVIEW_OPENED: "The {kind} review {review} is due: {items} items to decide on.",
    EventType.REVIEW_ANSWERED: "{who} answered an item of the review {review}: {decision}.",
    EventType.REVIEW_SIGNED: "{who} signed the {kind} review {review}.",
    EventType.SHADOW_PROPOSED: "{who} proposed to put {connection} into shadow until {until}; a second person is needed.",
    EventType.SHADOW_OPENED: "{who} put {connection} into shadow until {until}.",
    EventType.SHADOW_EXTENSION_PROPOSED: "{who} proposed to keep {connection} in shadow until {until}; a second person is needed.",
    EventType.SHADOW_EXTENDED: "{who} agreed to keep {connection} in shadow until {until}.",
    EventType.SHADOW_ENDED: "{who} ended the shadow of {connection}: it is enforced.",
    EventType.POLICY_DRAFTED: "{who} began a draft of the policy.",
    EventType.POLICY_PROPOSED: "{who} proposed a policy that can lower oversight; a second person is needed.",
    EventType.POLICY_WITHDRAWN: "{who} withdrew a draft of the policy.",
    EventType.POLICY_PUBLISHED: "{who} published policy version {n}.",
    EventType.TOOL_WITHHELD: "{type} is {state} and is withheld until a person has looked at it.",
    EventType.TOOL_ACCEPTED: "{who} looked at {type} and accepted its definition.",
    EventType.CONNECTION_SET: "{who} set the connection {connection}.",
    EventType.CLIENT_SET: "{who} set the client {client}.",
    EventType.CLIENT_PROPOSED: "{who} proposed a change of the client {client} that can lower oversight; a second person is needed.",
    EventType.CLIENT_WITHDRAWN: "{who} withdrew a proposed change of the client {client}.",
    EventType.PERSON_ADDED: "{who} added a person.",
    EventType.PERSON_CHANGED: "{who} changed a person: {what}.",
    EventType.PERSON_REACHED: "{who} was reached by {channel}.",
    EventType.ROLE_GRANTED: "{who} gave {person} the role {role}.",
    EventType.ROLE_ENDED: "{who} took the role {role} from {person}.",
    EventType.ROLE_LENT: "{who} lent {to} the roles {roles} until {until}.",
    EventType.ROLE_LENT_AGREED: "{who} agreed that {giver} lends {to} the roles {roles}.",
    EventType.ROLE_LENT_ENDED: "{who} ended what {giver} lent to {to}.",
    EventType.SET_UP: "{who} set up the organisation.",
    EventType.SIGNED_IN: "{who} signed in.",
    EventType.SIGN_IN_FAILED: "A sign-in was refused.",
    EventType.SIGNED_OUT: "{who} signed out.",
    EventType.STEPPED_UP: "{who} signed in again for a decision.",
    EventType.PASSKEY_ADDED: "{who} added a passkey.",
    EventType.PASSKEY_REMOVED: "{who} removed a passkey.",
    EventType.AGENT_ADDED: "{who} registered the agent {agent}.",
    EventType.AGENT_CHANGED: "{who} changed the agent {agent}: {what}.",
    EventType.KEY_ISSUED: "{who} issued a key to {agent}.",
    EventType.KEY_REVOKED: "{who} revoked a key of {agent}.",
    EventType.EXPORTED: "{who} exported the ledger.",
    EventType.REOPEN_PROPOSED: "{who} accepted that {missing} signed entries are missing; a second person is needed.",
    EventType.REOPENED: "{who} reopened the record, which lacks {missing} entries signed as {former}.",
    EventType.KEY_ROTATED: "{who} let a new key sign the record.",
}


class _Facts(dict[str, Any]):
    """Facts for `str.format_map`: what is not there is said, never raised."""

    def __missing__(self, key: str) -> str:
        return f"({key} not recorded)"


def sentence(type: str, who: str, facts: Mapping[str, Any]) -> str:
    """Return the sentence for one entry. An unknown type is named as it stands."""
    try:
        template = SENTENCES[EventType(type)]
    except ValueError:
        return f"{type} ({who})"
    return template.format_map(_Facts({**facts, "who": who}))
