"""
Elasticsearch and OpenSearch, asked by `search_after` over a point in time.

A point in time is a view that does not change while it is read page by page. Hits are in order of
time; those of one instant are told apart by `_shard_doc`, which a search over a point in time
knows. An OpenSearch that does not know it is asked by instants instead, as Loki is.

Sources: elastic.co/docs/api (open point in time, search), docs.opensearch.org (point in time API).
"""

from collections.abc import Iterator
from typing import Any

from tracepulse.errors import SourceFailure
from tracepulse.instants import rfc3339
from tracepulse.receive.pull.elastic_documents import DocumentReader
from tracepulse.receive.pull.http_source import AnswerTooLarge, HttpSource
from tracepulse.receive.pull.interface import Estimate, Heard, Page, Stretch
from tracepulse.receive.pull.paging import PageSize
from tracepulse.receive.pull.spending import BudgetSpent, Spend

__all__ = ["Elastic"]

_KEEP_ALIVE = "2m"
_MS_UNTIL = 10**17
"""Sort values below it are milliseconds since 1970 (`date`), others nanoseconds (`date_nanos`)."""
_MS_NS = 1_000_000
_MOST_AT_ONE_INSTANT = 10_000
"""The usual `index.max_result_window`."""


class Elastic:
    """A cluster, its indices and a query."""

    def __init__(
        self,
        http: HttpSource,
        index: str,
        query: str,
        time_field: str,
        page_records: int,
        service: str = "",
    ) -> None:
        """
        Prepare to ask.

        Args:
            index: one or several, patterns too, separated by commas.
            query: in the syntax of query strings (`service.name:shop AND NOT log.level:debug`).
            service: of documents that name none.
        """
        self._http = http
        self._index = index
        self._query = query
        self._time_field = time_field
        self._size = PageSize(page_records)
        self._reader = DocumentReader(time_field, service)
        self._is_opensearch: bool | None = None
        self._knows_shard_doc = True

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def server(self, spend: Spend) -> str:
        """Return its name and version."""
        found = self._http.json(spend, "GET", "/")
        version = found.get("version") if isinstance(found, dict) else None
        if not isinstance(version, dict) or "number" not in version:
            raise SourceFailure(
                "what answers is neither Elasticsearch nor OpenSearch; is this the right address?",
                lasting=True,
            )
        self._is_opensearch = version.get("distribution") == "opensearch"
        return f"{'OpenSearch' if self._is_opensearch else 'Elasticsearch'} {version['number']}"

    def estimate(self, stretch: Stretch, spend: Spend) -> Estimate:
        """Return how many documents there are."""
        path = f"/{self._index}/_count?ignore_unavailable=true"
        found = self._http.json(spend, "POST", path, content={"query": self._asking(stretch)})
        count = found.get("count") if isinstance(found, dict) else None
        return Estimate(count if isinstance(count, int) else None)

    def pages(self, stretch: Stretch, spend: Spend) -> Iterator[Page]:
        """Yield the documents of a stretch; see `Asked`."""
        if self._is_opensearch is None:
            self.server(spend)
        view = self._open(spend)
        try:
            if self._knows_shard_doc:
                try:
                    yield from self._by_document(view, stretch, spend)
                    return
                except _NoShardDocError:
                    self._knows_shard_doc = False
            yield from self._by_instant(view, stretch, spend)
        finally:
            self._close(view)

    # -- the two ways --------------------------------------------------------------------------

    def _by_document(self, view: "_View", stretch: Stretch, spend: Spend) -> Iterator[Page]:
        after: list[Any] | None = None
        while True:
            found = self._search(view, stretch, spend, ["_shard_doc"], after)
            if found is None:
                continue
            hits, limit = found
            records = self._heard(hits, stretch)
            if len(hits) < limit:
                yield Page(records, stretch.end_unix_ns)
                return
            after = hits[-1]["sort"]
            yield Page(records, _time_of(hits[-1]))

    def _by_instant(self, view: "_View", stretch: Stretch, spend: Spend) -> Iterator[Page]:
        at = stretch.start_unix_ns
        self._size.most = max(self._size.most, _MOST_AT_ONE_INSTANT)
        while True:
            found = self._search(view, Stretch(at, stretch.end_unix_ns), spend, [], None)
            if found is None:
                continue
            hits, limit = found
            records = self._heard(hits, stretch)
            if len(hits) < limit:
                yield Page(records, stretch.end_unix_ns)
                return
            last = _time_of(hits[-1])
            whole = [each for each in records if each.time_unix_ns < last]
            if whole:
                yield Page(whole, last)
                at = last
            elif not self._size.grow(limit, spend):
                raise SourceFailure(
                    f"more than {limit:,} documents have the time {rfc3339(last)}, and this cluster"
                    " gives no more at once; use one that knows `_shard_doc` (OpenSearch 3.3)",
                    lasting=True,
                )

    # -- asking --------------------------------------------------------------------------------

    def _search(
        self,
        view: "_View",
        stretch: Stretch,
        spend: Spend,
        ties: list[str],
        after: list[Any] | None,
    ) -> tuple[list[Any], int] | None:
        """Return hits and how many were asked for; None when it must be asked anew."""
        limit = self._size.affordable(spend)
        asked: dict[str, Any] = {
            "size": limit,
            "query": self._asking(stretch),
            "pit": {"id": view.view_id, "keep_alive": _KEEP_ALIVE},
            "sort": [{self._time_field: "asc"}, *({each: "asc"} for each in ties)],
            "track_total_hits": False,
        }
        if after is not None:
            asked["search_after"] = after
        before = spend.bytes_read
        try:
            found = self._http.json(spend, "POST", "/_search", content=asked)
        except AnswerTooLarge as error:
            if not self._size.shrink():
                raise SourceFailure(f"{error}, of one document", lasting=True) from error
            return None
        except BudgetSpent:
            self._size.shrink()  # the next question would else be as large, and end as this one
            raise
        except SourceFailure as error:
            if ties and after is None and "_shard_doc" in str(error):
                raise _NoShardDocError from error
            raise
        hits = self._checked(found)
        view.view_id = found.get("pit_id") or view.view_id
        self._size.measured(spend.bytes_read - before, len(hits))
        return hits, limit

    def _heard(self, hits: list[Any], stretch: Stretch) -> list[Heard]:
        """Return the hits as records, without those of the edges' milliseconds that lie beyond."""
        try:
            records = [self._reader.heard(hit, _time_of(hit)) for hit in hits]
            return [each for each in records if not _lies_beyond(each.time_unix_ns, stretch)]
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise SourceFailure(
                f"hits are not as Elasticsearch writes them ({type(error).__name__}: {error}); what"
                " it said was left aside"
            ) from error

    def _checked(self, found: Any) -> list[Any]:
        """Return the hits of an answer that is whole; a part of them would pass for all."""
        if not isinstance(found, dict) or not isinstance(found.get("hits"), dict):
            raise SourceFailure("the search is answered without hits", lasting=True)
        _check_shards(found)
        hits = found["hits"].get("hits") or []
        if not isinstance(hits, list):
            raise SourceFailure("the search is answered without a list of hits", lasting=True)
        return hits

    def _asking(self, stretch: Stretch) -> dict[str, Any]:
        # A field of whole milliseconds is compared with whole ones, cut off at both ends: so those
        # in which the stretch begins and ends are asked for whole.
        window = {
            "gte": rfc3339(stretch.start_unix_ns // _MS_NS * _MS_NS),
            "lt": rfc3339(-(-stretch.end_unix_ns // _MS_NS) * _MS_NS),
            "format": "strict_date_optional_time_nanos",
        }
        filters: list[dict[str, Any]] = [{"range": {self._time_field: window}}]
        if self._query:
            filters.append({"query_string": {"query": self._query}})
        return {"bool": {"filter": filters}}

    # -- points in time ------------------------------------------------------------------------

    def _open(self, spend: Spend) -> "_View":
        way = "_search/point_in_time" if self._is_opensearch else "_pit"
        path = f"/{self._index}/{way}"
        parameters = {"keep_alive": _KEEP_ALIVE}
        if self._is_opensearch:
            parameters["allow_partial_pit_creation"] = "false"
        else:
            parameters["ignore_unavailable"] = "true"
        found = self._http.json(spend, "POST", path, parameters)
        _check_shards(found)
        view_id = found.get("pit_id") or found.get("id") if isinstance(found, dict) else None
        if not isinstance(view_id, str):
            raise SourceFailure("no point in time was opened; is this the right address?", True)
        return _View(view_id)

    def _close(self, view: "_View") -> None:
        from tracepulse.receive.pull.spending import Budget

        spend = Spend(Budget(64 * 1024, 5.0))
        try:
            if self._is_opensearch:
                content: dict[str, Any] = {"pit_id": [view.view_id]}
                self._http.json(spend, "DELETE", "/_search/point_in_time", content=content)
            else:
                self._http.json(spend, "DELETE", "/_pit", content={"id": view.view_id})
        except (SourceFailure, BudgetSpent):
            return  # it ends by itself within two minutes


class _NoShardDocError(Exception):
    """Raised where a cluster cannot sort by `_shard_doc`."""


class _View:
    """A point in time; an answer may name it anew."""

    def __init__(self, view_id: str) -> None:
        self.view_id = view_id


def _check_shards(found: Any) -> None:
    """Raise SourceFailure where shards or clusters are missing from an answer."""
    shards = found.get("_shards") if isinstance(found, dict) else None
    shards = shards if isinstance(shards, dict) else {}
    clusters = found.get("_clusters") if isinstance(found, dict) else None
    clusters = clusters if isinstance(clusters, dict) else {}
    away = [clusters.get(state) for state in ("skipped", "partial", "failed")]
    if any(away):
        raise SourceFailure(
            "some of the clusters that are searched did not answer, or not whole"
            f" (skipped {away[0] or 0}, partial {away[1] or 0}, failed {away[2] or 0}); what the others"
            " said was left aside"
        )
    if isinstance(found, dict) and (found.get("timed_out") or shards.get("failed")):
        failures = shards.get("failures") or [{}]
        first = failures[0] if isinstance(failures, list) else {}
        reason = first.get("reason", {}) if isinstance(first, dict) else {}
        why = reason.get("reason", "") if isinstance(reason, dict) else str(reason)
        raise SourceFailure(
            f"{shards.get('failed', 0)} of {shards.get('total', 0)} shards did not answer"
            f"{': ' if why else ''}{why}; what the others said was left aside"
        )


def _lies_beyond(unix_ns: int, stretch: Stretch) -> bool:
    start, end = stretch
    return start // _MS_NS * _MS_NS <= unix_ns < start or end <= unix_ns < end + _MS_NS


def _time_of(hit: Any) -> int:
    """Return what a hit is sorted by, in Unix ns."""
    value = hit["sort"][0]
    if not isinstance(value, int):
        raise SourceFailure(
            f"the field of time is sorted as {value!r}, not as a date; name one by time_field",
            lasting=True,
        )
    return value * 1_000_000 if value < _MS_UNTIL else value
