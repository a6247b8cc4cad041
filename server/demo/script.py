"""The story beside the demo's stream: what is sold, who explains it when, what is promised and what viewers
write.

Seconds count from the start of the stream and of its loop. `due` turns the story into items with their own
ids, in the words of the ingest's events, for as many loops as the stream runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

LENGTH_S = 48
"""The stream's loop; a test holds it equal to the video's."""
DELAY_MS = 2_000
"""How far the room may be behind its clock: the page starts the video where the clock is and lets it run."""

Kind = Literal["host_on", "host_off", "explain_start", "explain_end", "said", "promise", "comment"]


@dataclass(frozen=True, slots=True)
class Product:
    """Something in the bag. Prices in cents; `picture` is the name of a file in `server/demo/assets`."""

    id: str
    title: str
    price: int
    before: int
    category: str
    picture: str
    skus: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A thing that happens in every loop; loops take its `variants` in turn."""

    at_s: float
    kind: Kind
    variants: tuple[Mapping[str, str], ...]
    lasts_s: float | None = None


@dataclass(frozen=True, slots=True)
class Script:
    room: str
    title: str
    products: tuple[Product, ...]
    items: tuple[Item, ...]
    length_s: float


@dataclass(frozen=True, slots=True)
class Due:
    """An item at its time: `id` is the same whenever it is asked for, `fields` are those of the ingest's
    event.

    `until_s` is when a promise ends, None if it does not.
    """

    id: str
    at_s: float
    kind: Kind
    fields: Mapping[str, str]
    until_s: float | None


def due(script: Script, from_s: float, to_s: float) -> tuple[Due, ...]:
    """What happens from `from_s` until before `to_s`, by time; the stream starts at 0 and loops without end.

    A loop has some sixty items: who has slept for hours asks for the last minute, not for all of it.
    """
    found = []
    first = max(0, int(from_s // script.length_s))
    last = int(to_s // script.length_s)
    for loop in range(first, last + 1):
        for number, item in enumerate(script.items):
            at_s = loop * script.length_s + item.at_s
            if max(0.0, from_s) <= at_s < to_s:
                fields = item.variants[loop % len(item.variants)]
                until_s = None if item.lasts_s is None else at_s + item.lasts_s
                found.append(Due(f"loop{loop}-{number}", at_s, item.kind, fields, until_s))
    return tuple(sorted(found, key=lambda one: one.at_s))


def _once(at_s: float, kind: Kind, **fields: str) -> Item:
    return Item(at_s, kind, (fields,))


def _said(at_s: float, host: str, text: str) -> Item:
    return Item(at_s, "said", ({"host": host, "text": text},))


def _promise(
    at_s: float,
    host: str,
    kind: str,
    text: str,
    value: str = "",
    product: Product | None = None,
    lasts_s: float | None = None,
) -> Item:
    fields = {"host": host, "promise": kind, "text": text, "value": value}
    if product is not None:
        fields["product_id"] = product.id
    return Item(at_s, "promise", (fields,), lasts_s)


def _comments(at_s: float, product: Product | None, *written: tuple[str, str]) -> Item:
    about = {} if product is None else {"product_id": product.id}
    return Item(at_s, "comment", tuple({"name": name, "text": text, **about} for name, text in written))


THERMOS = Product(
    "thermos", "山野保温杯 480ml · 316 不锈钢", 12_900, 19_900, "家居", "thermos.png", ("松绿",)
)
DRESS = Product(
    "dress",
    "碎花收腰连衣裙 · 泡泡袖",
    26_900,
    39_900,
    "服饰",
    "dress.png",
    ("酒红 S", "酒红 M", "酒红 L", "酒红 XL"),
)
FRYER = Product("fryer", "可视空气炸锅 5L · 旋钮触控", 39_900, 59_900, "家电", "fryer.png", ("曜石灰",))

XIAOMAN, ACHE = "小满", "阿澈"

SCRIPT = Script(
    room="云朵生活馆直播间",
    title="周末生活节：杯子、裙子和小家电",
    products=(THERMOS, DRESS, FRYER),
    length_s=LENGTH_S,
    items=(
        _once(0.0, "host_on", host=XIAOMAN),
        _once(0.2, "explain_start", product_id=THERMOS.id),
        _said(0.6, XIAOMAN, "欢迎来到云朵生活馆，先看这只山野保温杯。"),
        _comments(1.5, None, ("晚风", "来啦来啦"), ("阿圆", "主播晚上好"), ("小鹿同学", "刚到，讲到哪了？")),
        _said(3.4, XIAOMAN, "316 不锈钢内胆，480 毫升，一只手刚好握住。"),
        _comments(
            4.6,
            THERMOS,
            ("豆包妈妈", "能保温多久呀？"),
            ("北方的熊", "装开水多久能喝？"),
            ("一颗柠檬", "放冰块行吗？"),
        ),
        _said(6.2, XIAOMAN, "早上灌热水，十二个小时后还是温的。"),
        _comments(
            7.4, THERMOS, ("橘子汽水", "这个绿好看"), ("南南", "杯盖可以当杯子吗？"), ("老周", "给我爸买一个")
        ),
        _promise(8.6, XIAOMAN, "gift", "今天拍保温杯送杯刷一支", "杯刷", THERMOS),
        _said(8.8, XIAOMAN, "今天拍保温杯，送杯刷一支。"),
        _comments(
            10.2,
            THERMOS,
            ("晚风", "杯刷也送？拍了"),
            ("小鹿同学", "杯刷是长柄的吗？"),
            ("阿圆", "已拍，等杯刷"),
        ),
        _promise(11.6, XIAOMAN, "return_window", "全场七天无理由，退货运费我出", "7"),
        _said(11.8, XIAOMAN, "全场七天无理由，退货运费我出，放心拍。"),
        _comments(
            13.2,
            None,
            ("一颗柠檬", "运费包就放心了"),
            ("豆包妈妈", "七天无理由好评"),
            ("老周", "退货真的不收运费？"),
        ),
        _once(15.2, "explain_end", product_id=THERMOS.id),
        _once(16.2, "explain_start", product_id=DRESS.id),
        _said(16.6, XIAOMAN, "接下来这条碎花连衣裙，收腰、泡泡袖。"),
        _comments(17.8, DRESS, ("南南", "哇这条好看"), ("橘子汽水", "终于等到裙子"), ("晚风", "碎花党狂喜")),
        _said(19.4, XIAOMAN, "面料是七成棉三成粘纤，透气，不用里衬也不透。"),
        _comments(
            20.8,
            DRESS,
            ("阿圆", "160 斤能穿吗？"),
            ("小鹿同学", "一米六五穿 M 还是 L？"),
            ("豆包妈妈", "会缩水吗？"),
        ),
        _promise(22.0, XIAOMAN, "material", "面料 70% 棉、30% 粘纤", "70% 棉 30% 粘纤", DRESS),
        _said(23.0, XIAOMAN, "尺码从 S 到 XL，一米六五、一百二十斤穿 M。"),
        _comments(
            24.4,
            DRESS,
            ("一颗柠檬", "可以机洗吗？"),
            ("南南", "有没有别的颜色？"),
            ("橘子汽水", "腰带能拆吗？"),
        ),
        _promise(25.8, XIAOMAN, "price", "讲解期间拍连衣裙再减 20 元", "2000", DRESS, lasts_s=5.4),
        _said(26.0, XIAOMAN, "讲解期间拍下，再减二十元。"),
        _comments(
            27.6, DRESS, ("老周", "给老婆拍一条"), ("晚风", "再减 20？冲"), ("阿圆", "怎么没看到减 20？")
        ),
        _said(29.2, XIAOMAN, "尺码不合适七天内换，运费也是我们的。"),
        _once(31.2, "explain_end", product_id=DRESS.id),
        _once(31.6, "host_off", host=XIAOMAN),
        _once(31.6, "host_on", host=ACHE),
        _once(32.2, "explain_start", product_id=FRYER.id),
        _said(32.6, ACHE, "换我来，这台可视空气炸锅，五升大容量。"),
        _comments(33.8, None, ("豆包妈妈", "阿澈来了"), ("橘子汽水", "想吃薯条了"), ("小鹿同学", "换主播啦")),
        _said(35.4, ACHE, "隔着窗就能看火候，不用总拉开。"),
        _comments(
            36.6, FRYER, ("北方的熊", "功率多少？"), ("老周", "一次能炸几个鸡翅？"), ("南南", "声音大不大？")
        ),
        _said(38.0, ACHE, "两百度，十五分钟，薯条外酥里软。"),
        _promise(39.6, ACHE, "gift", "拍空气炸锅送硅油纸 100 张", "硅油纸 100 张", FRYER),
        _said(39.8, ACHE, "今天拍，送硅油纸一百张。"),
        _comments(
            41.0,
            FRYER,
            ("晚风", "看饿了"),
            ("一颗柠檬", "硅油纸多大的？"),
            ("豆包妈妈", "炸篮能进洗碗机吗？"),
        ),
        _promise(42.2, ACHE, "delivery", "今天拍空气炸锅 48 小时内发货", "48", FRYER),
        _said(42.4, ACHE, "四十八小时内发货，整机保修一年。"),
        _comments(
            44.0, FRYER, ("阿圆", "拍了，坐等发货"), ("北方的熊", "保修在哪里办？"), ("橘子汽水", "已下单～")
        ),
        _said(45.4, ACHE, "有问题点右下角客服，随时问。"),
        _once(47.2, "explain_end", product_id=FRYER.id),
        _once(47.6, "host_off", host=ACHE),
    ),
)
