"""What the text of a column's cells says: numbers, dates, or words. polars parses a whole column at once.

A cell is missing where it is empty or one of `MISSING`. Decimal commas are understood where they make more cells numbers
than points do; marks of thousands are not, as `1,234` may be either.
"""

import polars as pl

MISSING = ("", "na", "n/a", "nan", "null", "#n/a", "?", "-", ".")
DATES = (r"%Y-%m-%d", r"%Y/%m/%d", r"%d.%m.%Y", r"%m/%d/%Y", r"%d/%m/%Y", r"%d-%m-%Y")
DATE_SHAPE = r"^(\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4})([T ]|$)"
CLOCK = r"[T ](\d{1,2}):(\d{2})(?::(\d{2}))?"
COMMA_NUMBER, THOUSANDS = r"^[+-]?\d+,\d+$", r"^[+-]?\d{1,3}([ ,.']\d{3})+([.,]\d+)?$"
LARGEST = 3.0e38  # of float32


def cleaned(frame: pl.DataFrame) -> pl.DataFrame:
    """Cells without spaces around them, None where they are missing."""
    text = pl.all().str.strip_chars()
    return frame.select(pl.when(text.str.to_lowercase().is_in(MISSING)).then(None).otherwise(text).name.keep())


def numbers(cells: pl.Series) -> pl.Series:
    """Float64; None where a cell is missing, is no number, or is too large for float32.

    >>> numbers(pl.Series(["1.5", "x", None])).to_list(), numbers(pl.Series(["1,5", "2"])).to_list()
    ([1.5, None, None], [1.5, 2.0])
    """
    found = cells.cast(pl.Float64, strict=False)
    if has_decimal_commas(cells):
        found = cells.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    return found.set(found.is_nan() | (found.abs() > LARGEST), None)


def has_decimal_commas(cells: pl.Series) -> bool:
    """Whether commas make numbers of cells that points do not; groups of exactly three digits everywhere are thousands instead."""
    some = cells.drop_nulls()
    with_comma = some.filter(some.str.contains(COMMA_NUMBER))
    with_point = some.filter(some.str.contains(r"^[+-]?\d+\.\d+"))
    return len(with_comma) > len(with_point) and not bool(with_comma.str.contains(r"^[+-]?[1-9]\d{0,2},\d{3}$").all())


def has_thousands(cells: pl.Series) -> bool:
    """Whether most cells that are no numbers are numbers with marks of thousands."""
    strange = cells.filter(cells.is_not_null() & numbers(cells).is_null())
    return int(strange.str.contains(THOUSANDS).sum()) > len(strange) / 2


def dates(cells: pl.Series) -> tuple[pl.Series, str]:
    """Days since 1970 as Float64, with the hours as a fraction, and the format that fits the most cells.

    >>> dates(pl.Series(["1970-01-02 12:00", "x"]))[0].to_list()
    [1.5, None]
    """
    day = cells.str.extract(DATE_SHAPE, 1)
    tried = {form: day.str.to_date(form, strict=False) for form in DATES}
    best = min(tried, key=lambda form: tried[form].null_count())
    parts = [cells.str.extract(CLOCK, place).cast(pl.Float64).fill_null(0) for place in (1, 2, 3)]
    clock = parts[0] / 24 + parts[1] / 1440 + parts[2] / 86400
    return tried[best].cast(pl.Int32).cast(pl.Float64) + clock, best


def date_like(cells: pl.Series) -> bool:
    """Whether some of the first cells have the shape of a date; cheap, to be asked before `dates`."""
    some = cells.drop_nulls().head(100)
    return int(some.str.contains(DATE_SHAPE).sum()) > len(some) / 2
