"""What an agent asks to see where the product has no list of its own. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Frame = Literal["tag", "detail", "whole", "waybill"]


@dataclass(frozen=True, slots=True)
class ShotAsked:
    """One picture: its name, what must be seen, and the outline to lay over the viewfinder."""

    label: str
    hint: str
    frame: Frame


# The buyer's page says what to aim at by these labels: `OWN` in widget/src/capture/words.ts.
_USUAL_ZH = (
    ShotAsked("吊牌", "吊牌还在商品上，款号和尺码看得清", "tag"),
    ShotAsked("瑕疵特写", "靠近有问题的地方，对焦清楚", "detail"),
    ShotAsked("整体", "整件商品平放，四边都在画面里", "whole"),
    ShotAsked("面单", "快递面单上的单号看得清，其余可以遮住", "waybill"),
)
_USUAL_EN = (
    ShotAsked("Tag", "The tag still on the goods, with style and size readable", "tag"),
    ShotAsked("Fault, close", "Close to what is wrong, in focus", "detail"),
    ShotAsked("Whole item", "The whole item laid flat, all edges in the picture", "whole"),
    ShotAsked("Waybill", "The tracking number readable; cover the rest if you like", "waybill"),
)


_CLOSER_ZH = ShotAsked("高清照片", "", "detail")
_CLOSER_EN = ShotAsked("Sharp photo", "", "detail")


def closer(locale: str) -> ShotAsked:
    """The one picture for which a call's own is not sharp enough, in the buyer's language."""
    return _CLOSER_EN if locale == "en" else _CLOSER_ZH


def usual(locale: str) -> tuple[ShotAsked, ...]:
    """吊牌 → 瑕疵特写 → 整体 → 面单, in the buyer's language."""
    return _USUAL_EN if locale == "en" else _USUAL_ZH
