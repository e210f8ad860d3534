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
COUNTS = frozenset(
    {
        *("count", "itemcount", "itemscount", "rowcount", "recordcount", "resultcount", "resultscount"),
        *("found", "matches", "matched", "rows", "records", "items", "entries"),
    }
)
REMAINING = frozenset({"remaining"}) | {
    name for noun in ("items", "rows", "records", "results") for name in (f"remaining{noun}", f"{noun}remaining")
}
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
        *("nextmarker", "nextkey", "nextset", "lastevaluatedkey"),
    }
)
# These may name the end of the last page, too, where a flag says that there is no more.
CURSORS = frozenset({"cursor", "endcursor", "aftercursor", "nextcursor", "continuation", "scrollid", "pagetoken"})
MORE = frozenset(
    {
        *("hasmore", "hasnext", "hasnextpage", "hasmorepages", "hasmoreitems", "more", "moreavailable", "moreitems"),
        *("istruncated", "truncated", "partial", "ispartial", "incomplete", "hasprevious", "hasprev"),
        *("haspreviouspage", "hasprevpage"),
    }
)
COMPLETE = frozenset({"complete", "iscomplete", "islast", "islastpage", "final", "isfinal"})
PAGING_WORDS = TOTALS | COUNTS | REMAINING | PAGES | PAGE | OFFSETS | LIMITS | NEXT | MORE | COMPLETE
# Objects in which paging is looked for. In them, some short names mean paging too.
CONTAINER = re.compile(r"meta|pag|link|cursor|info|result|query|response|list|range")
WORDS_IN_CONTAINER = {"number": "page", "current": "page", "size": "limit", "last": "lastpage", "after": "nextcursor"}
# Objects about the number of requests.
QUOTA = re.compile(r"rate|quota|throttl")
PAGE_OF = re.compile(r"\s*\d{1,9}\s*(?:/|of)\s*(\d{1,9})\s*")
RANGE_OF = re.compile(r"(?:[a-z]+[ =])?\s*\d+-\d+/(\d{1,18})\s*")
PAGE_IN_URL = re.compile(r"[?&]page(?:%5B\w+%5D|\[\w+\])?=(\d{1,9})")
NOTHING = frozenset({"", "0", "false", "null", "none", "no", "n"})
MAX_DEPTH = 4


def plain_name(name: str) -> str:
    """A name without case and punctuation."""
    return re.sub(r"[^a-z]", "", name.lower())


def incomplete_member(
    members: Mapping[str, Any], counts: Set[int], ignored: Set[str], records_name: str
) -> tuple[str, str] | None:
    """Path and value of the first member that speaks of more records than came; ``None`` if none does.

    ``counts`` are the numbers that a total may mean, ``records_name`` is what the records are called, such as
    ``services`` in ``total_services``. Members that are ``ignored``, by name or path, are no paging.
    """
    reached_limit, is_known_to_be_all = None, False
    paging = [(path, _without(records_name, name), value) for path, name, value in _paging_members(members)]
    is_last = any(_says_last(name, value) for _, name, value in paging)
    for path, name, value in paging:
        if ignored.isdisjoint({path, path.rpartition(".")[2]}) and not (is_last and name in CURSORS):
            number = _whole_number(value)
            if _speaks_of_more(name, value, number, counts):
                return path, _quote(value)
            is_known_to_be_all |= name in TOTALS | PAGES | NEXT | MORE | COMPLETE
            if name in LIMITS and number and number in counts:
                reached_limit = path, _quote(value)
    return None if is_known_to_be_all else reached_limit


def _without(records_name: str, name: str) -> str:
    """``total`` for ``totalservices`` and ``servicestotal``."""
    shorter = name.removeprefix(records_name).removesuffix(records_name)
    return shorter if shorter in {"total", "count", "remaining"} else name


def _says_last(name: str, value: Any) -> bool:
    """Whether a flag says that no page follows."""
    if name in MORE and not name.startswith("hasprev"):
        return value is not None and _is_nothing(value)
    return name in COMPLETE and not _is_nothing(value)


def _speaks_of_more(name: str, value: Any, number: int | None, counts: Set[int]) -> bool:
    if name in NEXT or name in MORE:
        return not _is_nothing(value)
    if name in COMPLETE:
        return value is not None and _is_nothing(value)
    if name == "lastpage" and isinstance(value, bool):
        return not value
    if name in PAGES and isinstance(value, str) and (page := PAGE_IN_URL.search(value)):
        return int(page[1]) > 1
    if name in PAGES | PAGE and isinstance(value, str) and (page := PAGE_OF.fullmatch(value)):
        return int(page[1]) > 1
    if name.endswith("range") and isinstance(value, str) and (total := RANGE_OF.fullmatch(value)):
        return int(total[1]) not in counts
    return number is not None and _counts_more(name, number, counts)


def _counts_more(name: str, number: int, counts: Set[int]) -> bool:
    if name in TOTALS:
        return number not in counts
    if name in COUNTS:
        return number > max(counts)
    if name == "of":  # the last word in "page 1 of 2", "0 to 19 of 36"
        return number > 1 and number not in counts
    return (number > 1 and name in PAGES | PAGE) or (number > 0 and name in OFFSETS | REMAINING)


def _paging_members(members: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    """Path, plain name and value of every member that may speak of paging."""
    for name, value in members.items():
        term, path = plain_name(name), f"{prefix}{name}"
        term = WORDS_IN_CONTAINER.get(term, term) if depth else term
        inner = value
        if isinstance(value, list) and "link" in term:  # [{"rel": "next", "href": "..."}]
            inner = {str(link.get("rel")): link.get("href") for link in value if isinstance(link, dict)}
        is_total = isinstance(value, dict) and term in TOTALS  # {"value": 100, "relation": "eq"}, {"count": 100}
        yield path, term, value.get("value", value.get("count")) if is_total else value
        is_container = (depth or CONTAINER.search(term)) and not QUOTA.search(term) and term not in NEXT
        if isinstance(inner, dict) and depth < MAX_DEPTH and is_container:
            yield from _paging_members(inner, f"{path}.", depth + 1)


def _whole_number(value: Any) -> int | None:
    if type(value) is str and re.fullmatch(r"\s*(?:\d{1,18}|\d{1,3}(?:,\d{3}){1,5})\s*", value):
        return int(value.replace(",", ""))
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
    is_shown = type(value) is bool or _whole_number(value) is not None
    if isinstance(value, str):
        is_shown |= bool(PAGE_OF.fullmatch(value) or RANGE_OF.fullmatch(value))
    text = str(value).lower() if is_shown else ""
    return text if 0 < len(text) <= 20 else "set"
