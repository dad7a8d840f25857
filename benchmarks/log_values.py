"""Values that are drawn into made-up log lines, by kind."""

import random
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

__all__ = ["SLOTS", "slot_names"]

Draw = random.Random
_SLOT = re.compile(r"\{([a-z_]+)\}")
_BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def slot_names(statement: str) -> list[str]:
    """Return the distinct slots of a statement, in order."""
    return [name for name in dict.fromkeys(_SLOT.findall(statement)) if name in SLOTS]


def _words(text: str) -> Callable[[Draw], str]:
    values = text.split()
    return lambda draw: draw.choice(values)


def _phrases(*values: str) -> Callable[[Draw], str]:
    return lambda draw: draw.choice(values)


def _at(draw: Draw) -> datetime:
    return _BEGIN + timedelta(milliseconds=draw.randrange(30 * 86_400_000))


def _number(draw: Draw) -> str:
    return str(int(10 ** draw.uniform(0, 6)))


def _hex(length: int) -> Callable[[Draw], str]:
    return lambda draw: f"{draw.getrandbits(4 * length):0{length}x}"


def _ip(draw: Draw) -> str:
    return ".".join(str(draw.randrange(1, 255)) for _ in range(4))


def _ipv6(draw: Draw) -> str:
    return ":".join(f"{draw.getrandbits(16):x}" for _ in range(8))


def _go_duration(draw: Draw) -> str:
    unit = draw.choice(("µs", "ms", "s", "m"))
    return (
        f"{draw.randrange(1, 59)}m{draw.randrange(60)}s"
        if unit == "m"
        else f"{draw.uniform(1, 900):.3f}{unit}"
    )


def _list_of(one: Callable[[Draw], str], between: str = ", ") -> Callable[[Draw], str]:
    return lambda draw: between.join(one(draw) for _ in range(draw.randrange(1, 6)))


def _path(draw: Draw) -> str:
    folders = "var srv data app opt cache tmp releases uploads shared config current logs".split()
    parts = [draw.choice(folders) for _ in range(draw.randrange(2, 5))]
    stem = draw.choice("report index users avatar main export archive settings".split())
    ends = draw.choice(
        (".csv", ".json", ".html", ".tar.gz", ".py", "", f"-{draw.randrange(999)}.png")
    )
    return "/" + "/".join(parts) + "/" + stem + ends


def _route(draw: Draw) -> str:
    base = draw.choice(
        "/api/v1/orders /api/v1/users /cart /health /static/js /api/v2/items /login".split()
    )
    more = draw.choice(
        (
            "",
            f"/{draw.randrange(9999)}",
            f"?page={draw.randrange(40)}",
            "/search?q=" + draw.choice(("shoes", "red+hat", "tv")),
        )
    )
    return base + more


_NAMES = _words(
    "alice bob carol dave erin frank grace heidi ivan judy mallory niaj olivia peggy rupert sybil trent victor walter"
)
_SERVICES = _words(
    "checkout payments cart catalog search shipping inventory accounts billing gateway emails recommendations"
)
_HOST = "web-{} db-{} node{} cache{}.internal ip-10-0-{}-7 worker-{}.eu.example.net"
_PODS = "abcdefghijklmnopqrstuvwxyz0123456789"


def _host(draw: Draw) -> str:
    return draw.choice(_HOST.split()).format(draw.randrange(1, 40))


def _pod(draw: Draw) -> str:
    tail = "".join(draw.choice(_PODS) for _ in range(5))
    return f"{_SERVICES(draw)}-{draw.getrandbits(36):09x}-{tail}"


def _sql_value(draw: Draw) -> str:
    return draw.choice((str(draw.randrange(99_999)), _NAMES(draw), _email(draw)))


def _email(draw: Draw) -> str:
    return f"{_NAMES(draw)}{draw.choice(('', '.smith', str(draw.randrange(99))))}@{draw.choice(('example.com', 'mail.example.org', 'corp.example.net'))}"


def _url(draw: Draw) -> str:
    return f"http{draw.choice(('', 's'))}://{draw.choice(('api', 'auth', 'cdn'))}.example.com{_route(draw)}"


SLOTS: Mapping[str, Callable[[Draw], str]] = {
    "int": _number,
    "small": lambda draw: str(draw.randrange(1, 10)),
    "pid": lambda draw: str(draw.randrange(100, 65_536)),
    "port": lambda draw: str(draw.randrange(1024, 65_536)),
    "float": lambda draw: f"{draw.uniform(0, 500):.{draw.randrange(1, 4)}f}",
    "percent": lambda draw: f"{draw.uniform(0, 100):.1f}%",
    "ms": lambda draw: f"{draw.randrange(1, 9000)}ms",
    "go_duration": _go_duration,
    "size": lambda draw: f"{draw.uniform(1, 999):.1f} {draw.choice(('KiB', 'MiB', 'GiB'))}",
    "hex": _hex(8),
    "hex_long": _hex(16),
    "sha": _hex(40),
    "digest": lambda draw: "sha256:" + _hex(64)(draw),
    "pointer": lambda draw: "0x" + _hex(12)(draw),
    "uuid": lambda draw: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
    "ip": _ip,
    "ip_port": lambda draw: f"{_ip(draw)}:{draw.randrange(1024, 65_536)}",
    "ipv6": _ipv6,
    "mac": lambda draw: ":".join(f"{draw.getrandbits(8):02x}" for _ in range(6)),
    "ips": _list_of(_ip),
    "ints": _list_of(_number),
    "names": _list_of(_NAMES),
    "partitions": _list_of(lambda draw: f"{_SERVICES(draw)}-events-{draw.randrange(12)}"),
    "user": _NAMES,
    "service": _SERVICES,
    "user_or_none": lambda draw: _NAMES(draw) if draw.random() < 0.3 else "-",
    "url_or_none": lambda draw: _url(draw) if draw.random() < 0.6 else "-",
    "email": _email,
    "host": _host,
    "pod": _pod,
    "namespace": _words(
        "default kube-system monitoring shop-prod shop-staging team-a team-b ingress"
    ),
    "table": _words("orders order_items users sessions invoices products audit_log carts"),
    "topic": lambda draw: f"{_SERVICES(draw)}-{draw.choice(('events', 'commands', 'dlq'))}",
    "group": lambda draw: f"{_SERVICES(draw)}-consumer",
    "key": lambda draw: (
        f"{_SERVICES(draw)}:{draw.choice(('session', 'user'))}:{draw.randrange(10**6)}"
    ),
    "path": _path,
    "windows_path": lambda draw: r"C:\Program Files\App\{}\{}.dll".format(
        draw.choice(("bin", "lib", "x64")), _SERVICES(draw)
    ),
    "route": _route,
    "url": _url,
    "method": _words("GET GET GET POST PUT DELETE PATCH HEAD"),
    "status": _words("200 200 201 204 301 304 400 401 403 404 409 429 500 502 503"),
    "agent": _phrases(
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        "curl/8.5.0",
        "python-requests/2.32.3",
        "kube-probe/1.30",
    ),
    "java_class": lambda draw: (
        f"com.example.{_SERVICES(draw)}.{draw.choice(('OrderService', 'HttpHandler', 'RetryWorker', 'JdbcStore'))}"
    ),
    "thread": lambda draw: draw.choice(
        (
            f"http-nio-8080-exec-{draw.randrange(1, 40)}",
            f"pool-{draw.randrange(1, 9)}-thread-{draw.randrange(1, 30)}",
            "main",
            "scheduling-1",
        )
    ),
    "iso": lambda draw: _at(draw).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    "date_time": lambda draw: _at(draw).strftime("%Y-%m-%d %H:%M:%S"),
    "date_time_comma": lambda draw: (
        _at(draw).strftime("%Y-%m-%d %H:%M:%S,") + f"{draw.randrange(1000):03}"
    ),
    "date_time_slash": lambda draw: _at(draw).strftime("%Y/%m/%d %H:%M:%S"),
    "date_time_access": lambda draw: _at(draw).strftime("%d/%b/%Y:%H:%M:%S +0000"),
    "date_time_syslog": lambda draw: _at(draw).strftime("%b %d %H:%M:%S"),
    "klog_time": lambda draw: _at(draw).strftime("%m%d %H:%M:%S.") + f"{draw.randrange(10**6):06}",
    "version": lambda draw: f"{draw.randrange(1, 4)}.{draw.randrange(20)}.{draw.randrange(30)}",
    "bool": _words("true false"),
    "search_text": _phrases(
        "red shoes",
        "winter jacket size 42",
        "zapatos rojos",
        "chaussures d'été",
        "Lampe für den Garten",
        "赤い靴",
        "красные туфли",
        "tv",
        "usb-c cable 2m",
        "cadeau",
    ),
    "person": _phrases(
        "Ana García",
        "Jürgen Groß",
        "Łukasz Nowak",
        "李雷",
        "Zoë O'Neil",
        "Иван Петров",
        "山田太郎",
        "Maria",
        "Bob Smith",
    ),
    "city": _phrases(
        "Berlin",
        "São Paulo",
        "New York",
        "東京",
        "Москва",
        "Kraków",
        "Rio de Janeiro",
        "Lyon",
        "The Hague",
        "Ulm",
    ),
    "reason": _phrases(
        "timeout",
        "connection refused",
        "no such host",
        "context deadline exceeded",
        "EOF",
        "broken pipe",
        "i/o timeout",
        "too many open files",
    ),
    "unit": lambda draw: draw.choice(
        (
            f"session-{draw.randrange(900)}.scope",
            "nginx.service",
            "cron.service",
            "docker.service",
            "backup.timer",
            f"user@{draw.randrange(1000, 1009)}.service",
            "apt-daily.timer",
            "sshd.service",
        )
    ),
    "device": _words("eth0 eth1 ens5 sda sdb1 nvme0n1p1 docker0 veth3a1f br-lan wlan0"),
    "sql_value": _sql_value,
}
"""How each kind of value is drawn."""
