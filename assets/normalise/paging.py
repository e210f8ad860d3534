"""Members beside the records that speak of more records than came: totals, pages, cursors, links, flags."""

import re
from collections.abc import Iterator, Mapping, Set
from decimal import Decimal
from typing import Any

# Names without case and punctuation: ``total_pages``, ``totalPages`` and ``Total-Pages`` are one.
TOTALS = frozenset(
    {
        *("total", "totalcount", "totalitems", "totalrecords", "totalresults", "totalrows", "totalelements"),
        *("totalsize", "totalhits", "totalentries", "numfound", "recordstotal", "recordsfiltered", "fullcount"),
    }
)
# A count may be that of something smaller.
COUNTS = frozenset({"count", "itemcount", "itemscount", "rowcount", "recordcount", "resultcount", "resultscount"})
PAGES = frozenset({"pages", "totalpages", "lastpage", "pagecount", "pagescount", "numpages", "pagestotal", "maxpage"})
PAGE = frozenset({"page", "currentpage", "pagenumber", "pageindex", "pageno", "thispage"})
OFFSETS = frozenset({"offset", "skip", "skipped", "startindex"})
LIMITS = frozenset({"limit", "perpage", "pagesize", "pagelimit", "maxresults", "itemsperpage", "resultsperpage"})
NEXT = frozenset(
    {
        *("next", "nextpage", "nextcursor", "nexttoken", "nextpagetoken", "nextlink", "nexturl", "nextpageurl"),
        *("nextoffset", "nexthref", "cursor", "endcursor", "aftercursor", "continuation", "continuationtoken"),
        *("odatanextlink", "scrollid", "pagetoken", "prev", "previous", "prevpage", "previouspage", "prevpageurl"),
        *("prevlink", "prevurl", "previousurl", "previouspageurl", "prevcursor", "previouscursor"),
    }
)
MORE = frozenset(
    {
        *("hasmore", "hasnext", "hasnextpage", "hasmorepages", "hasmoreitems", "more", "moreavailable", "moreitems"),
        *("istruncated", "truncated", "partial", "ispartial", "incomplete", "hasprevious", "hasprev"),
        *("haspreviouspage", "hasprevpage"),
    }
)
COMPLETE = frozenset({"complete", "iscomplete", "islast", "islastpage", "final", "isfinal"})
PAGING_WORDS = TOTALS | COUNTS | PAGES | PAGE | OFFSETS | LIMITS | NEXT | MORE | COMPLETE
# Objects in which paging is looked for. In them, some short names mean paging too.
CONTAINER = re.compile(r"meta|pag|link|cursor|info|result|query|response|list|range")
WORDS_IN_CONTAINER = {"number": "page", "current": "page", "size": "limit", "last": "lastpage", "after": "nextcursor"}
PAGE_IN_URL = re.compile(r"[?&]page(?:%5B\w+%5D|\[\w+\])?=(\d{1,9})")
NOTHING = frozenset({"", "0", "false", "null", "none", "no", "n"})
MAX_DEPTH = 4


def plain_name(name: str) -> str:
    """A name without case and punctuation."""
    return re.sub(r"[^a-z]", "", name.lower())


def incomplete_member(members: Mapping[str, Any], counts: Set[int], ignored: Set[str]) -> tuple[str, str] | None:
    """Path and value of the first member that speaks of more records than came; ``None`` if none does.

    ``counts`` are the numbers that a total may mean. Members that are ``ignored``, by name or path, are no paging.
    """
    reached_limit, is_known_to_be_all = None, False
    for path, name, value in _paging_members(members):
        if ignored.isdisjoint({path, path.rpartition(".")[2]}):
            number = _whole_number(value)
            if _speaks_of_more(name, value, number, counts):
                return path, _quote(value)
            is_known_to_be_all |= name in TOTALS | PAGES | NEXT | MORE | COMPLETE
            if name in LIMITS and number and number in counts:
                reached_limit = path, _quote(value)
    return None if is_known_to_be_all else reached_limit


def _speaks_of_more(name: str, value: Any, number: int | None, counts: Set[int]) -> bool:
    if name in NEXT or name in MORE:
        return not _is_nothing(value)
    if name in COMPLETE:
        return value is not None and _is_nothing(value)
    if name == "lastpage" and isinstance(value, bool):
        return not value
    if name in PAGES and isinstance(value, str) and (page := PAGE_IN_URL.search(value)):
        return int(page[1]) > 1
    if number is None:
        return False
    if name in TOTALS:
        return number not in counts
    if name in COUNTS:
        return number > max(counts)
    return (number > 1 and name in PAGES | PAGE) or (number > 0 and name in OFFSETS)


def _paging_members(members: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    """Path, plain name and value of every member that may speak of paging."""
    for name, value in members.items():
        term, path = plain_name(name), f"{prefix}{name}"
        term = WORDS_IN_CONTAINER.get(term, term) if depth else term
        inner = value
        if isinstance(value, list) and "link" in term:  # [{"rel": "next", "href": "..."}]
            inner = {str(link.get("rel")): link.get("href") for link in value if isinstance(link, dict)}
        is_total = isinstance(value, dict) and term in TOTALS  # {"value": 100, "relation": "eq"}
        yield path, term, value.get("value") if is_total else value
        if isinstance(inner, dict) and depth < MAX_DEPTH and term not in NEXT and (depth or CONTAINER.search(term)):
            yield from _paging_members(inner, f"{path}.", depth + 1)


def _whole_number(value: Any) -> int | None:
    if type(value) is str and re.fullmatch(r"\s*\d{1,18}\s*", value):
        return int(value)
    if type(value) is Decimal and abs(value.adjusted()) < 18 and value == int(value):
        return int(value)
    return value if type(value) is int else None


def _is_nothing(value: Any) -> bool:
    """Whether a link, a cursor or a flag says that there is nothing."""
    if isinstance(value, dict):
        return all(_is_nothing(inner) for inner in value.values())
    if isinstance(value, str):
        return value.strip().lower() in NOTHING
    return not value


def _quote(value: Any) -> str:
    """A number or a flag; a link may hold a key."""
    text = str(value).lower() if type(value) is bool or _whole_number(value) is not None else ""
    return text if 0 < len(text) <= 20 else "set"
