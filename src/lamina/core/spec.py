"""What the data dictates: the shape of the input and of the target. Models are built from it.

Shapes leave out the batch: an `Image` batch is (B, C, H, W) uint8, a `Vector` or `Table` batch (B, D) float32, a
`Series` batch (B, L, D) float32, a `Text` or `Tokens` batch (B, L) int32 with L the longest text of the batch.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

IGNORED = 255  # of a mask: a pixel that is neither learned nor judged
FILL, UNKNOWN, BEGIN, END = range(4)  # tokens that are no part of a text: what fills a short one up, what is not known, and its two ends
FIRST_WORD = 2  # of a `Text`, which has no marks of its ends


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Image(_Part):
    """Pictures, (C, H, W), bytes 0..255. Grey pictures of one subject on a plain ground have the level of that
    `ground` and the length of the `subject` in pixels. `fit`: how a picture of another shape is brought to this one."""

    kind: Literal["image"] = "image"
    channels: int
    height: int
    width: int
    ground: int | None = None
    subject: int | None = None
    fit: Literal["crop", "squash", "pad", "keep"] = "squash"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.channels, self.height, self.width


class Vector(_Part):
    """Rows of `size` numbers; `names` of the columns where they are known."""

    kind: Literal["vector"] = "vector"
    size: int
    names: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size,)


class Column(_Part):
    """One column of a table. A number is itself, NaN where it is missing; a category is its place in `categories` from 1
    on, 0 where it is missing or was not seen in training. A `date` is a number of days since 1970; a number may be a
    `part` of the date in the column `name`, which then stands several times in a table."""

    name: str
    kind: Literal["number", "category", "date"] = "number"
    categories: tuple[str, ...] = ()
    part: Literal["", "day of year", "weekday", "hour"] = ""


class Table(_Part):
    """Rows of mixed columns, (D,) float32, in the order of `columns`."""

    kind: Literal["table"] = "table"
    columns: tuple[Column, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.columns),)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that a row is written in, each once."""
        return tuple(dict.fromkeys(column.name for column in self.columns))


class Series(_Part):
    """What was measured at the last `past` moments, (L, D) float32, columns `names`, in their own units; of one of them, `asked`, what
    follows is sought. `season`: moments after which it repeats, 1 for none; `time` and `key` are the columns of the moments and of
    the series' names, "" for none."""

    kind: Literal["series"] = "series"
    names: tuple[str, ...]
    past: int
    asked: str
    season: int = 1
    time: str = ""
    key: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.past, len(self.names)

    @property
    def place(self) -> int:
        """Of the column that is asked for."""
        return self.names.index(self.asked)


class Text(_Part):
    """Texts as places in `words` from 2 on, (L,) int32: 0 fills a short text up, 1 is a word that is not in `words`.

    `column`: the name of the table's column that holds the text; `length`: the most words that are read of one text.
    """

    kind: Literal["text"] = "text"
    words: tuple[str, ...]
    length: int
    column: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.length,)


class Tokens(_Part):
    """A text as tokens, (L,) int32: places in `names`, of which the first four are no part of a text (`FILL`, `UNKNOWN`, `BEGIN`, `END`).

    `unit`: what a token is; `rules`: how texts are cut into them, as the JSON of the package `tokenizers`, "" for characters and for
    words that stand between spaces;
    `length`: the most tokens of one text; `column`: the name of the column that held the texts. As a target, the text to be said.
    """

    kind: Literal["tokens"] = "tokens"
    unit: Literal["character", "word", "bpe", "unigram"]
    names: tuple[str, ...]
    rules: str = ""
    length: int
    column: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def size(self) -> int:
        return len(self.names)


class Board(_Part):
    """A board of the game `game` as who is to move sees it, (2, H, W) int8: own pieces from 1 to `pieces`, the other's negative, 0
    empty; and who is to move, 1 or -1, in every cell."""

    kind: Literal["board"] = "board"
    game: str
    height: int
    width: int
    pieces: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        return 2, self.height, self.width


class Classes(_Part):
    """One of several classes; the target is its index, int64."""

    kind: Literal["classes"] = "classes"
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.names)


class Labels(_Part):
    """Any number of labels at once; the target is (L,) float32 of zeros and ones."""

    kind: Literal["labels"] = "labels"
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.names)


class Numbers(_Part):
    """One or more numbers to predict; the target is (K,) float32 in the user's units."""

    kind: Literal["numbers"] = "numbers"
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.names)


class Boxes(_Part):
    """Objects: any number of boxes a picture, each with its class. Background is no class.

    Boxes are (N, 4) float32 as x0, y0, x1, y1 in pixels of the pictures that the network sees, from the left and the top.
    """

    kind: Literal["boxes"] = "boxes"
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.names)


class Mask(_Part):
    """A class for every pixel: (H, W) bytes, places in `names`, or `IGNORED` where nobody says. `colours` (red, green, blue) draw them."""

    kind: Literal["mask"] = "mask"
    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...] = ()

    @property
    def size(self) -> int:
        return len(self.names)


class Tags(_Part):
    """A label for each token: (L,) int64, places in `names`, or `IGNORED` behind the end of a text."""

    kind: Literal["tags"] = "tags"
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.names)


class Next(_Part):
    """What follows: after each token of a text the next one, of the same tokens."""

    kind: Literal["next"] = "next"
    size: int

    @property
    def names(self) -> tuple[str, ...]:
        return ()


class Context(_Part):
    """The words around each word: what is to be told from it, or it from them. `counts`: how often each word stands in the text."""

    kind: Literal["context"] = "context"
    counts: tuple[int, ...]

    @property
    def size(self) -> int:
        return len(self.counts)

    @property
    def names(self) -> tuple[str, ...]:
        return ()


class Actions(_Part):
    """What an agent can do: one of `size` discrete actions, seen in the environment `env`."""

    kind: Literal["actions"] = "actions"
    size: int
    env: str
    start: int = 0  # what the environment calls the first of them

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(self.start + i) for i in range(self.size))


class Controls(_Part):
    """What an agent can do: numbers between `low` and `high`, one each, seen in the environment `env`. Networks and methods speak of
    them as -1 (low) to 1 (high)."""

    kind: Literal["controls"] = "controls"
    low: tuple[float, ...]
    high: tuple[float, ...]
    env: str

    @property
    def size(self) -> int:
        return len(self.low)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(i) for i in range(self.size))


class Moves(_Part):
    """How a game goes on: the chance of each of its moves, and what the board is worth to who is to move, from -1 (lost) to 1 (won)."""

    kind: Literal["moves"] = "moves"
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.names)


Input = Annotated[Image | Vector | Table | Series | Text | Tokens | Board, Field(discriminator="kind")]
Target = Annotated[
    Classes | Labels | Numbers | Boxes | Mask | Actions | Controls | Tokens | Tags | Next | Context | Moves, Field(discriminator="kind"),
]


class Spec(_Part):
    """Input and target of a data set.

    >>> Spec(input=Image(channels=1, height=28, width=28), target=Classes(names=("a", "b"))).input.shape
    (1, 28, 28)
    """

    input: Input
    target: Target
