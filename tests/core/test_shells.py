"""What a shell would run is found through everything that runs something else (I16)."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.core.commands import LOOKS, NotUnderstood
from handrail.core.shells import BASH, POWERSHELL, commands, first_change


def encoded(text):
    return base64.b64encode(text.encode("utf-16-le")).decode()


def change(text, shell):
    """What of *text* is not known to only look: a command's name, or `?` and why."""
    try:
        return first_change(commands(text, shell))
    except NotUnderstood as error:
        return "?" if error.why else ""


LOOK = [
    ("hostname", None),
    ("hostname; uptime", None),
    ("hostname -s", BASH),
    ("ps aux | grep spooler | wc -l", BASH),
    ("ps -ef", BASH),
    ("sudo -n df -h /", BASH),
    ("time ls", BASH),
    ("/usr/bin/uptime", BASH),
    ("bash -c 'uptime; df -h'", BASH),
    ("eval uptime", BASH),
    ("ls | xargs -n 1 echo", BASH),
    ("ls | xargs -r", BASH),
    ("find /tmp -maxdepth 2 -name '*.log' -print", BASH),
    ("find /tmp -exec echo {} \\;", BASH),
    ("df -h 2>/dev/null", BASH),
    ("df -h 2>&1 | head -n 5", BASH),
    ("{ ls; uptime; }", BASH),
    ("(ls; uptime) && ! true", BASH),
    ("uptime # a word beside", BASH),
    ("systemctl status nginx", BASH),
    ('grep "two words"', BASH),
    ("grep a'b'", BASH),
    ("echo a\\ b *", BASH),
    ("cut -d , -f 1,2", BASH),
    ("ping -n 1 host", None),
    ("cmd /c hostname", None),
    ("Get-Service -Name Spooler", None),
    ('Get-Service -Name: "Spooler" | Where-Object {$_.Status -eq "Stopped"}', POWERSHELL),
    ("Get-Service | Where-Object { $_.Name -like 'a*' } | ft -AutoSize", POWERSHELL),
    ("Get-Process > $null", POWERSHELL),
    ("& 'Get-Service'", POWERSHELL),
    ("iex 'Get-Date'", POWERSHELL),
    ("powershell -NoProfile -ExecutionPolicy Bypass -Command Get-Date", BASH),
    (f"powershell -nop -enc {encoded('Get-Service | Select-Object -First 3')}", None),
]
RUN = [
    ("hostname new", None, "hostname"),
    ("sudo rm -rf /", BASH, "rm"),
    ("sudo -u root rm x", BASH, "-u"),
    ("sudo", BASH, "?"),
    ("./uptime", BASH, "./uptime"),
    ("bash -c 'uptime; rm -rf /'", BASH, "rm"),
    ("bash script.sh", BASH, "?"),
    ("echo a | bash", BASH, "?"),
    ('bash -c "$X"', BASH, "?"),
    ('eval "rm x"', BASH, "rm"),
    ("eval", BASH, "?"),
    ("ls | xargs rm", BASH, "rm"),
    ("ls | xargs ls", BASH, "ls"),
    ("ls | xargs --odd rm", BASH, "?"),
    ("find /tmp -exec rm {} \\;", BASH, "rm"),
    ("find /tmp -exec sh -c 'rm x' \\;", BASH, "rm"),
    ("find /tmp -exec echo", BASH, "?"),
    ("find /tmp -delete", BASH, "?"),
    ("find *", BASH, "?"),
    ("find . -exec {} \\;", BASH, "?"),
    ("> x ls", BASH, "?"),
    ("ls ${x}a", BASH, "?"),
    ("eval eval eval eval eval eval ls", BASH, "?"),
    ("ls $", BASH, "ls"),
    ("ls !(a)", BASH, "?"),
    ("Get-Service 2>&1", POWERSHELL, "?"),
    ("Get-Date &", POWERSHELL, "?"),
    ("df -h > /etc/x", BASH, "?"),
    ("cat < /etc/shadow", BASH, "?"),
    ("echo $(rm x)", BASH, "rm"),
    ("echo `rm x`", BASH, "rm"),
    ('echo "$(rm x)"', BASH, "rm"),
    ("cat <(rm x)", BASH, "cat"),
    ("echo $SECRET", BASH, "?"),
    ("echo $((1 + 1))", BASH, "?"),
    ("cat <<< x", BASH, "?"),
    ("PATH=/x ps", BASH, "?"),
    ("X=1", BASH, "?"),
    ("ls() { rm x; }; ls", BASH, "?"),
    ("if true; then rm x; fi", BASH, "?"),
    ("$(echo rm) x", BASH, "?"),
    ("r\\m x", BASH, "?"),
    ("'r'm x", BASH, "rm"),
    ("$'rm' x", BASH, "?"),
    ("alias ls=rm; ls", BASH, "alias"),
    ("systemctl stop status", BASH, "systemctl"),
    ("sort -o x", BASH, "sort"),
    ("ps auxe", BASH, "ps"),
    ("ping -f host", BASH, "ping"),
    ("ping a b c d", None, "ping"),
    ("uptime\x07", BASH, "?"),
    ("", BASH, "?"),
    ("# nothing", BASH, "?"),
    ("ls (", BASH, "?"),
    ("echo " * 3 + "; " + "bash -c " * 7 + "ls", BASH, "?"),
    ("; ".join(["ls"] * 201), BASH, "?"),
    ("ls " + "a " * 9_999, BASH, "ls"),
    ("ls && " * 9_999 + "ls", BASH, "?"),
    ("hostname '& del x'", None, "?"),
    ("hostname # & del x", None, "?"),
    ("hostname %COMSPEC%", None, "?"),
    ("cmd /c del x", BASH, "?"),
    ("cmd /c 'del x'", BASH, "del"),
    ("cmd /c 'echo %X%'", BASH, "?"),
    ("tasklist /s other", None, "tasklist"),
    ("reboot", None, "reboot"),
    ("Get-Date; Stop-Computer", POWERSHELL, "Stop-Computer"),
    ("Get-Service | Where-Object {Remove-Item x}", POWERSHELL, "Remove-Item"),
    ("Get-Service -ComputerName dc01", POWERSHELL, "Get-Service"),
    ("Get-Service -Name $x", POWERSHELL, "Get-Service"),
    ("Get-Process > x.txt", POWERSHELL, "?"),
    ("(Get-Item x).Delete()", POWERSHELL, "?"),
    ("[IO.File]::Delete('x')", POWERSHELL, "?"),
    ("& $x", POWERSHELL, "?"),
    (". ./x.ps1", POWERSHELL, "?"),
    ("$x = 1", POWERSHELL, "?"),
    ("$env:X", POWERSHELL, "?"),
    ("1 + 1", POWERSHELL, "?"),
    ('Get-Service "$(Remove-Item x)"', POWERSHELL, "?"),
    ("Get-Service `\nx", POWERSHELL, "?"),
    ("Get-Service \u2018x\u2019; Remove-Item x", POWERSHELL, "?"),
    ("Get-Service 'it''s'", POWERSHELL, "Get-Service"),
    ("iex 'Remove-Item x'", POWERSHELL, "Remove-Item"),
    ("if (1) { ls }", POWERSHELL, "?"),
    ("powershell -File x.ps1", BASH, "?"),
    ("powershell", BASH, "?"),
    ("powershell -ep", BASH, "?"),
    ("powershell -enc !!!", BASH, "?"),
    ("powershell -enc AAA", BASH, "?"),
    (f"powershell -e {encoded('Remove-Item x')}", None, "Remove-Item"),
    (f"pwsh -EncodedCommand {encoded('Remove-Item x')}", POWERSHELL, "Remove-Item"),
]


@pytest.mark.parametrize(("text", "shell"), LOOK)
def test_what_only_looks_is_known_to(text, shell):
    assert change(text, shell) is None


@pytest.mark.parametrize(("text", "shell", "found"), RUN)
def test_I16_whatever_else_would_run_is_found_or_not_understood(text, shell, found):
    assert change(text, shell) == found


_JOINTS = [" ; ", " | ", " && ", " || ", "\n", " & "]
_WRAPS = ["{}", "sudo {}", "echo $({})", "bash -c '{}'", "( {} )", "eval '{}'", "nohup {}"]


@given(
    st.lists(st.sampled_from(["uptime", "df -h", "ls -la", "hostname"]), max_size=4),
    st.sampled_from(["reboot", "rm -rf x", "useradd eve", "dd if=a of=b"]),
    st.sampled_from(_JOINTS),
    st.lists(st.sampled_from(_WRAPS), max_size=2),
    st.integers(0, 4),
)
def test_I17_a_change_among_looks_is_found_wherever_it_stands(looks, bad, joint, wraps, at):
    for wrap in wraps:
        if "'" not in bad:
            bad = wrap.format(bad)
    parts = [*looks[:at], bad, *looks[at:]]

    assert change(joint.join(parts), BASH) is not None


@given(st.text(max_size=200), st.sampled_from([BASH, POWERSHELL, None]))
def test_I16_no_text_crashes_it(text, shell):
    change(text, shell)


@given(
    st.text(alphabet="abls-;|&$(){}'\"`<> \n\\#*=/", max_size=60),
    st.sampled_from([BASH, POWERSHELL, None]),
)
def test_I16_no_shell_text_crashes_it(text, shell):
    if change(text, shell) is None:
        assert {w for words in commands(text, shell) for w in words[:1]} <= LOOKS.keys()
