"""The door of the server: its names, who sits at this machine, and how much one may bring."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.web.server.starlette import starlette_websocket

import door
from explorer.checkpoints import MAX_FILE_BYTES
from explorer.pages.shell import people

HEADER = people.LOCAL_HEADER.lower()
FOREIGN = [
    "evil.example", "evil.example:8501", "EVIL.example", "evil.example.", "127.0.0.1.evil.example", "localhost.evil.example",
    "evil.localhost", "me@localhost", "localhost@evil.example", "localhost/x", "localhost?x", "localhost#x", "localhost:x",
    "localhost,evil.example", "localhost evil", "[::1", "::1", "", ":8501", "0x7f000001", "2130706433", "127.1", "[::2]",
    "192.0.2.7", "10.0.0.1:80", "[2001:db8::1]", "lócalhost", "localhost\x00",
]  # fmt: skip
OWN = [
    "localhost", "LocalHost:8501", "localhost.", "127.0.0.1", "127.0.0.1:1", "127.9.9.9", "[::1]:8501",
    "[::ffff:127.0.0.1]",
]  # fmt: skip


@pytest.fixture
def set_options(monkeypatch):
    """Sets options of the server: its address, and the names it was given."""

    def put(address="127.0.0.1", names=()):
        values = {"server.address": address, "server.allowedHosts": list(names), "browser.serverAddress": "localhost"}
        monkeypatch.setattr("streamlit.get_option", values.__getitem__)
        monkeypatch.setattr("streamlit.config.get_option", values.__getitem__)

    put()
    return put


def run(coroutine):
    with ThreadPoolExecutor(1) as thread:  # this one may have an event loop already, the browser tests'
        return thread.submit(lambda: asyncio.run(coroutine)).result()


def knock(host, kind="http", client="127.0.0.1", **headers):
    """What the server behind the door was told, None if nothing; and the status and the words of a refusal."""
    told, answered = [], []

    async def inner(scope, receive, send):
        told.append({name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]})

    async def send(message):
        answered.append(message)

    hosts = host if isinstance(host, list) else [host]
    pairs = [("host", one) for one in hosts if one is not None]
    pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
    scope = {
        "type": kind, "scheme": "http", "path": "/live/x", "query_string": b"", "method": "GET", "client": (client, 4),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
    }  # fmt: skip
    run(door.KnownHosts(inner)(scope, None, send))
    said = [(m.get("status", m.get("code")), m.get("body", b"").decode()) for m in answered]
    return (told[0] if told else None), said


def test_the_door_and_the_pages_mean_the_same():
    assert door.KnownHosts.HEADER.decode() == HEADER
    assert door.BoundedUploads.FILE_BYTES == MAX_FILE_BYTES


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("host", [*FOREIGN, None, ["localhost", "evil.example"]])
def test_a_server_for_this_machine_answers_to_no_other_name(set_options, host, kind):
    told, said = knock(host, kind, origin=f"http://{host or 'x'}")
    assert told is None
    assert said[0][0] == (421 if kind == "http" else 1008)
    if kind == "http":
        assert "Expected a host name of this server" in said[1][1]


@pytest.mark.parametrize(
    ("languages", "begins"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "应为"),
        ("de,en;q=0.5,zh;q=0.1", "Expected"),
        ("", "Expected"),
        ("en;q=0.1, zh;q=0.9", "应为"),
        ("zh;q=0", "Expected"),
        ("zh;q=x,;;,", "应为"),
        ("\xe4\xf6;q=", "Expected"),
    ],
)
def test_a_refusal_is_in_the_language_of_the_browser(set_options, languages, begins):
    _, said = knock("evil.example", accept_language=languages)
    assert said[1][1].startswith(begins)


@pytest.mark.parametrize("host", OWN)
def test_it_answers_to_its_own(set_options, host):
    for kind in ("http", "websocket"):
        told, said = knock(host, kind)
        assert (told or {})["host"] == host
        assert said == []


@pytest.mark.parametrize("address", [None, "0.0.0.0", "::", "gates.lan", "192.0.2.7"])
def test_one_that_others_reach_answers_under_addresses_and_its_own_names(set_options, address):
    set_options(address)
    for host in ("localhost", "192.0.2.7:8501", "[2001:db8::1]:8501", socket.gethostname(), "0.0.0.0"):
        assert knock(host)[0] is not None, host
    assert (knock("gates.lan:80")[0] is not None) == (address == "gates.lan")
    for host in ("evil.example", "192.0.2.7.evil.example", "", None, "1.2.3"):
        assert knock(host)[0] is None, host


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize(
    "names", [["gates.example.org"], ["*.example.org", "localhost"], ["*"], [" Gates.Example.Org. "], ["127.0.0.1"]]
)
def test_names_that_are_given_are_the_names_and_streamlit_reads_them_alike(set_options, address, names):
    set_options(address, names)
    for host in ("gates.example.org", "GATES.example.org:80", "a.b.example.org.", "example.org", "localhost", "127.0.0.1:5",
                 "192.0.2.7", "evilexample.org", "gates.example.org.evil.example"):  # fmt: skip
        assert (knock(host)[0] is not None) == starlette_websocket.is_host_allowed(host), host


LOCAL = {"host": "localhost:8501", "client": "127.0.0.1", "origin": "http://localhost:8501"}


@pytest.mark.parametrize(
    ("change", "local"),
    [
        ({}, True), ({"host": "127.0.0.1"}, True), ({"client": "::1"}, True), ({"client": "::ffff:127.0.0.1"}, True),
        ({"client": "10.0.0.7"}, False), ({"client": "::ffff:10.0.0.7"}, False), ({"client": ""}, False),
        ({"host": "192.0.2.7"}, False), ({"origin": "https://gates.example.org"}, False), ({"origin": "null"}, False),
        ({"origin": "http://[x"}, False),
        ({"x_forwarded_for": "127.0.0.1"}, False), ({"x_forwarded_host": "localhost"}, False),
        ({"forwarded": "for=127.0.0.1"}, False), ({"via": "1.1 x"}, False), ({"x_real_ip": "127.0.0.1"}, False),
    ],
)  # fmt: skip
def test_who_sits_at_this_machine_is_decided_by_the_connection(set_options, change, local):
    for address in ("127.0.0.1", "0.0.0.0"):
        set_options(address)
        told = knock(**LOCAL | change)[0] or {}
        assert (HEADER in told) == (local and bool(told))


def test_nobody_does_on_a_server_that_was_given_other_names_for_a_proxy_brings_them(set_options):
    set_options(names=["gates.example.org", "localhost"])
    assert HEADER not in knock(**LOCAL)[0]
    set_options(names=["localhost"])
    assert HEADER in knock(**LOCAL)[0]


def test_nobody_can_say_so_themselves(set_options):
    set_options("0.0.0.0")
    assert HEADER not in knock("192.0.2.7", client="10.0.0.7", **{HEADER: "1"})[0]


# ---- uploads ------------------------------------------------------------------------------------------------


@pytest.fixture
def held(monkeypatch):
    """Streamlit's files, and what its own address does with a body that came whole."""
    manager = MemoryUploadedFileManager("/")
    monkeypatch.setattr(door, "_uploads", lambda: manager)
    return manager


def bring(held, sizes, *, layer=None, session="me", stated=True, chunk=100_000, pause=0.0):
    """Brings files of these sizes at once; the status and the words of each answer."""

    async def inner(scope, receive, send):
        data = b""
        while True:
            message = await receive()
            data += message["body"]
            if not message["more_body"]:
                break
        held.add_file(session, UploadedFileRec(scope["path"][-4:], "x.txt", "text/plain", data))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    layer = layer or door.BoundedUploads(inner)
    layer.inner = inner

    async def one(size, number):
        left, answer = [size], []

        async def receive():
            await asyncio.sleep(pause)
            part = min(chunk, left[0])
            left[0] -= part
            return {"type": "http.request", "body": b"x" * part, "more_body": left[0] > 0}

        async def send(message):
            answer.append(message)

        headers = [(b"content-length", str(size).encode())] if stated else []
        path = f"/_stcore/upload_file/{session}/{number:04}"
        scope = {"type": "http", "method": "PUT", "path": path, "headers": headers}
        await layer(scope, receive, send)
        return answer[0]["status"], answer[-1]["body"].decode()

    async def all_of_them():
        return await asyncio.gather(*(one(size, number) for number, size in enumerate(sizes)))

    return run(all_of_them())


@pytest.mark.parametrize("stated", [True, False])
def test_a_file_is_as_large_as_the_page_says_whoever_brings_it(held, stated):
    assert bring(held, [MAX_FILE_BYTES], stated=stated)[0][0] == 204
    ((status, said),) = bring(held, [MAX_FILE_BYTES + 100_000], stated=stated)
    assert status == 413
    assert said == "Expected a file of at most 25 MB; this one is larger."
    assert len(held.file_storage["me"]) == 1


def test_a_session_keeps_its_newest_files(held):
    layer = door.BoundedUploads(None)
    for number in range(9):
        assert bring(held, [10 + number], layer=layer)[0][0] == 204
        held.file_storage["me"] = {f"{number}{i}": f for i, f in enumerate(held.file_storage["me"].values())}
    assert [len(file.data) for file in held.file_storage["me"].values()] == [15, 16, 17, 18]
    assert layer.coming == {}


def test_a_session_brings_two_at_once(held):
    answers = bring(held, [200_000] * 5, pause=0.01)
    assert sorted(status for status, _ in answers) == [204, 204, 429, 429, 429]
    assert "at most 2 files at once" in answers[4][1]


def test_all_sessions_together_have_a_limit_too(held):
    for number in range(52):
        held.add_file(f"s{number}", UploadedFileRec("a", "a.txt", "text/plain", bytes(4_923_070)))
    ((status, said),) = bring(held, [1_000])
    assert status == 503
    assert "Try again" in said
    held.remove_session_files("s0")
    assert bring(held, [1_000])[0][0] == 204


def test_a_file_that_never_arrives_is_given_up(held, monkeypatch):
    monkeypatch.setattr(door.BoundedUploads, "ARRIVAL_S", 0.05)
    layer = door.BoundedUploads(None)
    assert bring(held, [1_000_000], layer=layer, chunk=1, pause=0.02)[0][0] == 408
    assert layer.coming == {}


@pytest.mark.parametrize(
    ("address", "names", "others"),
    [
        ("127.0.0.1", (), False),
        ("localhost", (), False),
        ("::1", ("localhost",), False),
        ("0.0.0.0", (), True),
        ("", (), True),  # Streamlit then listens everywhere
        ("gates.lan", (), True),
        ("127.0.0.1", ("gates.example.org",), True),  # a proxy
        ("127.0.0.1", ("localhost", "*"), True),
    ],
)
def test_a_server_serves_others_where_other_machines_can_reach_it(set_options, address, names, others):
    set_options(address, names)
    assert door.serves_others() is others
