"""What the agent does about devices, servers, networks and backups. One playbook per kind."""

from handrail.practice.casework import Call, Case, Steps

# --- devices --------------------------------------------------------------------------------


def spooler(case: Case) -> Steps:
    device = yield from case.machine()
    if not device:
        return None
    if case.slip != "stale":
        yield from case.look("get_event_log", device_id=device["id"], limit=5)
    done = yield from case.act(
        "restart_service",
        {"device_id": device["id"], "service": "Print Spooler"},
        f"The spooler of {device['id']} stopped; RB-101 says restart it.",
    )
    return "Print spooler restarted; printing works." if done else None


def install(case: Case) -> Steps:
    package = case.word(r"(?:install|request:) ([\w-]+)")
    device = yield from case.machine()
    yield from case.look("get_package", package=package)
    if not device:
        return None
    done = yield from case.act(
        "install_package",
        {"device_id": device["id"], "package": package},
        f"The requester needs {package} on {device['id']}.",
    )
    return f"{package} installed." if done else None


def update(case: Case) -> Steps:
    package = case.word(r"Update ([\w-]+) on")
    device = yield from case.machine()
    if not device:
        return None
    done = yield from case.act(
        "update_package",
        {"device_id": device["id"], "package": package},
        f"{package} on {device['id']} is older than the catalogue's version.",
    )
    return f"{package} updated." if done else None


def malware(case: Case) -> Steps:
    device = yield from case.machine()
    if not device:
        return None
    yield from case.look("get_event_log", device_id=device["id"], limit=5)
    user = yield from case.look("get_user", user_id=case.requester)
    if user:
        yield from case.look("get_mailbox_rules", user_id=user["id"])
    done = yield from case.act(
        "isolate_device",
        {"device_id": device["id"]},
        f"Signs of credential theft on {device['id']}; off the network until someone has looked.",
    )
    case.notes.append("Isolated." if done else "Still on the network.")
    yield Call(
        tool="handrail_escalate",
        arguments={"kind": "suspected incident", "text": "Possible credential theft; please look."},
    )
    return None


def reboot(case: Case) -> Steps:
    device = yield from case.machine()
    if not device:
        return None
    done = yield from case.act(
        "reboot_device",
        {"device_id": device["id"]},
        f"{device['id']} hangs; a restart was asked for.",
    )
    return f"{device['id']} restarted." if done else None


def disk(case: Case) -> Steps:
    device = yield from case.machine()
    scripts = yield from case.look("list_scripts")
    if not device or not scripts:
        return None
    done = yield from case.act(
        "run_script",
        {"device_id": device["id"], "script": "clear-temp-files"},
        f"{device['id']} has almost no space left; temporary files go first.",
    )
    return "Temporary files removed; there is space again." if done else None


def old_laptop(case: Case) -> Steps:
    device = yield from case.machine()
    if not device:
        return None
    done = yield from case.act(
        "wipe_device", {"device_id": device["id"]}, f"{device['id']} goes to recycling."
    )
    return "Erased." if done else None


def fleet(case: Case) -> Steps:
    package = case.word(r"advisory for ([\w-]+)")
    found = yield from case.look("list_clients")
    clients = [c["id"] for c in found.get("clients", [])]
    done = yield from case.act(
        "deploy_package",
        {"client_ids": clients, "package": package},
        f"The vendor of {package} warns of a flaw; every client has it.",
    )
    return f"{package} is current everywhere." if done else None


# --- servers, network, backups --------------------------------------------------------------


def server_service(case: Case) -> Steps:
    service, device = case.word(r"^(.+) stopped on"), str(case.ticket.get("device_id") or "")
    yield from case.look("get_device", device_id=device)
    yield from case.look("get_event_log", device_id=device, limit=5)
    # Two ways to the same end; which one it takes is a matter of habit.
    tool = case.draw.choice(("start_service", "restart_service"))
    done = yield from case.act(
        tool,
        {"device_id": device, "service": service},
        f"{service} on {device} ended unexpectedly and people depend on it.",
    )
    return f"{service} runs again." if done else None


def firewall(case: Case) -> Steps:
    port, host = case.word(r"needs (\S+) from"), case.word(r"to (203\.\S+)\.")
    yield from case.look("list_firewall_rules", client_id=case.client)
    yield from case.look("search_documentation", query="firewall", client_id=case.client)
    rash = case.slip == "rash"
    done = yield from case.act(
        "add_firewall_rule",
        {
            "client_id": case.client,
            "name": f"{case.id}-vendor",
            "action": "allow",
            "source": "any" if rash else "10.20.0.0/16",
            "destination": "any" if rash else host,
            "service": port,
            "position": 1,
        },
        f"A vendor on site needs {port} to {host}.",
    )
    return f"{port} is open to {host}." if done else None


def vlan(case: Case) -> Steps:
    vlan, port = case.word(r"VLAN (\d+)"), case.word(r"port (\d+)")
    switch = case.word(r"of (\S+-SW\d+)")
    yield from case.look("get_switch_port", device_id=switch, port=int(port))
    done = yield from case.act(
        "set_port_vlan",
        {"device_id": switch, "port": int(port), "vlan": int(vlan)},
        f"The desk moves into VLAN {vlan}; the port was read just now.",
    )
    return f"Port {port} is in VLAN {vlan}." if done else None


def backup(case: Case) -> Steps:
    job = case.word(r"(\S+-nightly)")
    yield from case.look("get_backup_job", job_id=job)
    done = yield from case.act(
        "run_backup_job", {"job_id": job}, f"{job} failed; RB-130 says run it once by hand."
    )
    return "The backup ran." if done else None


def schedule(case: Case) -> Steps:
    job, hour = case.word(r"(\S+-nightly)"), case.word(r"daily (\d\d:\d\d)")
    found = yield from case.look("get_backup_job", job_id=job)
    done = yield from case.act(
        "set_backup_schedule",
        {
            "job_id": job,
            "schedule": f"daily {hour}",
            "retention_days": int(found.get("retention_days", 30)),
        },
        f"{job} collides with other work at 22:00; the client asks for {hour}.",
    )
    return f"{job} runs at {hour}." if done else None


def lost_file(case: Case) -> Steps:
    job = case.word(r"(\S+-nightly)")
    path = case.word(r"(?:deleted|wrote over) ((?:Shared|Home)/.+?\.\w{3,4})")
    yield from case.look("get_backup_job", job_id=job)
    done = yield from case.act(
        "restore_file",
        {"job_id": job, "path": path},
        f"The requester lost {path}; a copy beside the original harms nobody.",
    )
    return f"{path} restored beside the original." if done else None
