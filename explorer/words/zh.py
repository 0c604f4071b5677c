"""Chinese (Simplified): the sentence of every code, room by room, and how figures are written in it.

Every figure keeps the name it has in the code, so that a sentence is a template and nothing is computed here but the way a
number is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from explorer.words import TOKEN
from explorer.words.en import FORMS as FORMS_OF_ALL
from explorer.words.en import OPTIMIZERS

DIRECTIONS = {"forward": "前向", "backward": "后向"}
_perplexity = FORMS_OF_ALL["perplexity"]


def _steps(value: float) -> str:
    return f"{value:g} 步"


def _reach(half_life_steps: float | None = None, horizon_steps: float | None = None, **_: Any) -> str:
    if half_life_steps is None:
        said = "按中位数看，在这段文本之内，损失的梯度一直没有降到其局部梯度的一半"
    else:
        said = f"按中位数看，损失的梯度往回 {_steps(half_life_steps)}后降到其局部梯度的一半以下"
    return f"{said}。" if horizon_steps is None else f"{said}，往回 {_steps(horizon_steps)}后降到 1 % 以下。"


def _reads(score: str, score_nats: float, **reach: Any) -> str:
    return f"模型读这段文本的{score}是 {_perplexity(score_nats)}。{_reach(**reach)}"


def _leaks(score_nats: float, **reach: Any) -> str:
    return (
        f"模型有一个网络从末尾读起，会读过要它预测的那个{TOKENS[TOKEN.get()]['token']}，所以 {_perplexity(score_nats)} 这个得分"
        f"说明不了它的预测能力。{_reach(**reach)}"
    )


def _truncated(backward_steps: int, horizon_steps: float | None = None, **_: Any) -> str:
    return f"训练时梯度只往回传 {_steps(backward_steps)}，但它本可以传得更远：" + (
        "到这段文本的开头还剩 1 % 以上。" if horizon_steps is None else f"往回 {_steps(horizon_steps)}后才只剩 1 %。"
    )


def _true_class(told: str) -> str:
    return f"● 真实：{told}" if told else "● 真实的类别"


def _reach_of_numbers(half: int | None, horizon: int | None) -> str:
    if half is None:
        return "每个损失的梯度有一半以上传到了这个序列的开头。"
    whole = "到开头还剩 1 % 以上" if horizon is None else f"往回 {_steps(horizon)}后不到 1 %"
    return f"往回 {_steps(half)}，损失的梯度就少了一半（取各损失的中位数）；{whole}。"


def _lower_rate(learning_rate: float, clip_norm: float | None = None, **_: Any) -> str:
    return f"把学习率改为 {learning_rate / 10:g} 重新训练" + (
        f"，或者以 1 为阈值裁剪梯度：现在学习率是 {learning_rate:g}，而且没有裁剪。" if clip_norm is None else "。"
    )


def _names(values: Iterable[object]) -> str:
    return "、".join(map(str, values))


def _few(values: Iterable[object]) -> str:
    """The first of some names, and how many others there are."""
    first = list(map(str, values))
    shown = "、".join(name[:60] for name in first[:6])
    return shown + (f"，另有 {_some(len(first) - 6, '个')}" if len(first) > 6 else "")


def _alternatives(values: Iterable[object]) -> str:
    return " 或 ".join(map(str, values))


def _span(name: str, least: int, most: int) -> str:
    span = f"从 {least:,} 到 {most:,} 的整数" if least < most else f"整数 {least:,}"
    return f"{name} 是{span}"


def _some(count: int, thing: str) -> str:
    """A count and what is counted, which begins with its measure word."""
    return f"{count:,} {thing}"


def _characters(shown: Iterable[str], more: int) -> str:
    return "、".join(f"“{character}”" for character in shown) + (f"，另有 {more:,} 个" if more else "")


def _unknown_scored(score: str, score_nats: float, without_nats: float | None) -> str:
    without = "没有定义" if without_nats is None else f"是 {_perplexity(without_nats)}"
    return f"算上它们，{score}是 {_perplexity(score_nats)}；不算它们，{score}{without}。"


def _shape(title: str, units: str, layers: int, direction: str) -> str:
    reads = {"forward": "", "bidirectional": "，从两端读", "parallel": "，两个网络都前向读"}
    return f"{title}，{units} 个单元" + (f"，{layers} 层" if layers > 1 else "") + reads[direction]


def _described(corpus: str, symbols: int, **shape: Any) -> str:
    return f"{_shape(**shape)}；学过{corpus}，{symbols} 个{'词' if TOKEN.get() == 'word' else '符号'}"


def _reach_alone(horizon_steps: float, half_life_steps: float) -> str:
    return (
        f"单独往回追踪一个损失的梯度：{_steps(half_life_steps)}后不到原来的一半，{_steps(horizon_steps)}后不到 1 %；"
        "更早的内容几乎学不到。"
    )


def _rising(first_loss: float, last_loss: float, **_: Any) -> str:
    return f"损失从 {first_loss:.4g} 升到了 {last_loss:.4g}。"


def _loss_went(first_loss: float | None, last_loss: float | None) -> str:
    if first_loss is None or last_loss is None:
        return "没有看到损失：请用 probe.loss(loss) 把它交给探针，或者在代码块内调用 loss.backward()。"
    return f"损失从 {first_loss:.4g} 变到 {last_loss:.4g}。"


def _layer(module: str, title: str, units: int, depth: int, both: bool) -> str:
    where = f"（{module}）" if module else ""
    deep = "" if depth == 1 else f"，{_some(depth, '层')}"
    return f"{title}，{_some(units, '个单元')}{deep}{'，双向' if both else ''}{where}"


def _net(module: str, layer: int, direction: str) -> str:
    return f"{module or '模型本身'}，第 {layer} 层，{DIRECTIONS.get(direction, direction)}"


def _trains(
    objective: str, corpus: str, optimizer: str, learning_rate: float, clip_norm: float | None, epochs: int,
    steps: int | None, held_gate: str | None, held_at: float, backward_batches: int, token: str, **shape: Any,
) -> str:  # fmt: skip
    """What a run trains, in a line."""
    held = "" if held_gate is None else f" · {held_gate} 固定在 {held_at:g}"
    objectives = {"next": "", "cloze": "，完形填空", "leaky": "，有泄漏"}
    clipped = "不裁剪" if clip_norm is None else f"裁剪阈值 θ = {clip_norm:g}"
    back = "" if backward_batches == 1 else f"，梯度跨 {backward_batches} 个批量"
    read = _corpus(corpus) + _by(token)
    length = _some(epochs, "个迭代周期") + ("" if steps is None else f"，约 {_some(steps, '步')}")
    optimized = f"{OPTIMIZERS[optimizer]}，学习率 {learning_rate:g}"
    return " · ".join((f"{_shape(**shape)}{objectives[objective]}{held}", read, optimized, clipped + back, length))


def _corpus(name: str) -> str:
    return str(SENTENCES.get(f"corpus.{name}", name))


def _by(token: str) -> str:
    return "，按词" if token == "word" else ""


def _made_name(title: str, objective: str, units: str, optimizer: str, corpus: str, token: str) -> str:
    asked = "" if objective == "next" else f" {objective}"
    return f"{title}{asked}，{units} 个单元，{OPTIMIZERS[optimizer]}，{_corpus(corpus)}{_by(token)}"


def _held_unit(unit: int, part: str, value: float, layer: int, direction: str) -> str:
    where = "" if (layer, direction) == (0, "forward") else f"（第 {layer} 层，{DIRECTIONS.get(direction, direction)}）"
    return f"单元 {unit}{where}的 {part} 固定为 {value:.2g}"


def _being_read(count: int, ahead: int) -> str:
    others = f"前面还有 {ahead} 次阅读在排队。" if ahead else ""
    return f"模型正在读 {count:,} 个字符。{others}"


def _label(cell: str, corpus: str, units: str, layers: int, token: str) -> str:
    return f"{cell} · {corpus}{_by(token)} · {units} 个单元" + (
        f"，{layers} 层" if layers > 1 and "," not in units else ""
    )


_MEAN = "保留旧状态的那个门在所有单元、所有步上的均值：为 1 时全部保留，为 0 时什么也不保留。"


_SATURATED = "这个门的值小于 0.1 或大于 0.9 的比例：在那里它像一个开关，学得很慢。"


def _breaks(breaks: int) -> str:
    return f"{_some(breaks, '个分页符')}或分隔符变成了换行。"


def _cut(count: int, where: str) -> str:
    return f"文件在一个字符的中间被切断；{where}的 {_some(count, '个字节')}已丢弃。"


TOKENS = {
    "character": {"token": "字符"},
    "word": {"token": "词"},
}
FORMS: dict[str, Callable[[Any], str]] = {
    **FORMS_OF_ALL,
    "steps": _steps,
    "memory": lambda steps: f"{steps:,.1f} 步" if steps < 1e4 else "10,000 步以上",
    "sentences": lambda sentences: " ".join(map(str, sentences)).replace("。 ", "。"),
    "own": lambda text: OWN.get(text, text),
    "all": lambda values: "、".join(map(str, values)),
    "epochs": lambda count: f"{count:g} 个迭代周期",
    "layers": lambda count: _some(count, "层"),
    "tokens": lambda count: _some(count, f"个{TOKENS[TOKEN.get()]['token']}"),
    "rows": lambda count: _some(count, "行"),
    "names": _names,
    "few": _few,
    "net": lambda net: _net(*net),
    "reached": lambda steps: "这段文本之外" if math.isinf(steps) else _steps(steps),
    "way": lambda direction: DIRECTIONS.get(direction, direction),
    "share": lambda share: "不到 1%" if 0 < share < 0.005 else f"{share:.0%}",
    "module": lambda name: name or "模型本身",
    "modules": lambda names: "和".join(name or "模型本身" for name in names),
    "nets": lambda nets: "；".join(
        f"第 {net.layer} 层，{DIRECTIONS.get(net.direction, net.direction)}" for net in nets
    ),
    "some": lambda values: _names(values)[:80],
    "quoted names": lambda values: repr(_names(values)[:80]),
    "alternatives": _alternatives,
    "choices": "；".join,
}
"""What may stand behind the colon of a figure in a template, beside what format knows."""

OWN: dict[str, str] = {
    "update gate": "更新门",
    "reset gate": "重置门",
    "forget gate": "遗忘门",
    "input gate": "输入门",
    "output gate": "输出门",
    "keeps the old state": "保留旧状态",
    "renews it": "更新它",
    "sees the old state": "看见旧状态",
    "forgets it": "忘掉它",
    "keeps the cell state": "保留记忆元",
    "drops it": "丢弃它",
    "writes the candidate": "写入候选",
    "does not": "不写入",
    "shows the cell state": "输出记忆元",
    "hides it": "遮住它",
    "copy": "复制",
    "update": "更新",
    "candidate": "候选",
    "gates": "门",
    "GRU, reset after": "GRU（重置在后）",
    "GRU, reset before": "GRU（重置在前）",
    "A plain cell has **no gates**: every step overwrites every unit. Look how little of its state lasts.": (
        "普通循环单元**没有门**：每一步都会覆盖每个单元。看看它的状态能留下多少。"
    ),
    "Where the **update gate** is light, a unit keeps its past; where it is dark, it takes in what is new. Where "
    "the **reset gate** is dark, a unit forgets its past when it computes the candidate.": (
        "**更新门**亮的地方，单元保留过去；暗的地方，单元接纳新内容。**重置门**暗的地方，单元在计算候选隐状态时忘掉过去。"
    ),
    "Where the **forget gate** is light, a unit keeps its cell state. The **input gate** sets how much of the candidate "
    "is written, the **output gate** how much of the cell state is passed on.": (
        "**遗忘门**亮的地方，单元保留记忆元。**输入门**决定写入多少候选，**输出门**决定输出多少记忆元。"
    ),
    "Where the **update gate** is light, a unit keeps its past; where it is dark, it takes in what is new. The gate "
    "does not see the state: in the first layer, the same symbol always opens it alike.": (
        "**更新门**亮的地方，单元保留过去；暗的地方，单元接纳新内容。这个门看不见状态：在第一层，同一个符号总是同样地打开它。"
    ),
}
"""What a cell says of itself, in English -> the same."""

SENTENCES: dict[str, str | Callable[..., str]] = {
    # fields: what was expected of a field, and what came
    "config": "{field} 应为：{expected}；得到：{got}。",
    "gate-page.named": "每一行是一个**单元**和它记住的东西，在这里成立的地方加了底色；标题里的数是它在学过的文本上的均值。"
    "指向任何东西，它会说自己是什么。",
    "gate-page.named.help": "这些角色是在模型学过的文本的一半上选出来的。标题里的均值来自另一半。表示距离远近的角色没有底色。",
    "gate-page.named-then": "下面每一行是一个**单元**，以及它在训练结束的模型里记住的东西。它在这里是否也这样，请看曲线。"
    "指向任何东西，它会说自己是什么。",
    "role.means": "{part} {mean_in:.2f}，{elsewhere} {mean_out:.2f}",
    "role.else": "别处",
    "role.quoted": "在引号里",
    "role.bracketed": "在括号里",
    "role.word-start": "在一个词的第一个字母",
    "role.word-end": "紧接在一个词之后",
    "role.in-word": "在一个词的后部",
    "role.in-word.else": "词的前部或词外",
    "role.in-line": "在一行的后部",
    "role.in-line.else": "行的前部",
    "role.in-clause": "在一个分句的后部",
    "role.in-clause.else": "分句的前部",
    "role.since-blank": "离上一个空格很远",
    "role.since-blank.else": "离空格不远",
    "role.since-capital": "离上一个大写字母很远",
    "role.since-capital.else": "离大写字母不远",
    "role.since-punctuation": "离上一个标点很远",
    "role.since-punctuation.else": "离标点不远",
    "role.blank": "在空格处",
    "role.line-end": "在行末",
    "role.line-start": "在一行的开头",
    "role.punctuation": "在标点处",
    "role.digit": "在数字处",
    "role.capital": "在大写字母处",
    "role.vowel": "在元音字母处",
    "role.after-vowel": "在元音字母之后",
    "role.character": "在“{character}”处",
    "role.after": "在“{character}”之后",
    "role.surprise": "在模型感到意外处",
    "role.surprise.else": "不意外处",
    "part.h": "隐状态 h",
    "part.c": "记忆元 c",
    "part.n": "候选隐状态 n",
    "part.g": "候选记忆元 g",
    "score.next": "困惑度",
    "score.cloze": "伪困惑度",
    "score.leaky": "有泄漏的得分",
    "expected.net": "以下之一：{nets:nets}",
    "got.net": "第 {layer} 层，{direction:way}",
    "expected.top-layer": "最后一层（{last}），因为这个模型下面的各层从两个方向读：在那些层里梯度沿文本向两边传，"
    "一次扫描无法追踪",
    "expected.text": "一段文本，或者一段模型读过的文本；record_tapes 接受任何输入",
    "got.numbers": "数值",
    "expected.same-model": "同一个模型的一次阅读",
    "got.another": "另一个",
    "expected.flow": "同一段文本、同一个网络的梯度流，即第 {layer} 层，{direction:way}",
    "expected.part": "{parts:alternatives}",
    "expected.choice": "以下之一：{allowed:names}",
    "expected.whole": "从 {least:,} 到 {most:,} 的整数",
    "expected.above-zero": "大于 0 的有限数",
    "expected.above-zero-or-none": "大于 0 的有限数，或 None",
    "expected.flag": "True 或 False",
    "expected.finite": "有限数",
    "expected.at-least": "至少 {least:,}",
    # models
    "expected.size-each-layer": "每层一个大小",
    "expected.sizes": "{count} 个大小，每层一个",
    "expected.objective-both-ways": "'cloze' 或 'leaky'，因为双向模型的第二个网络已经读过下一个字符",
    "expected.objective-one-way": "'next'，因为这是 {direction:way} 模型",
    "expected.no-second-net": "None，因为前向模型没有第二个网络",
    "expected.init-of-cell": "这种循环单元（{cell}）可用的以下之一：{allowed:names}",
    "expected.bias-without-recurrence": "'one' 或 'none'，因为这种循环单元（{cell}）没有循环权重",
    "expected.keep-bias-without-gate": "0，因为这种循环单元（{cell}）没有起保留作用的门",
    "expected.bias-to-shift": "'one' 或 'two'，因为模型的保留门要加一个偏置",
    "expected.fewer-units": "更少的单元，使模型最多有 {most:,} 个参数",
    "got.units": "{layers:layers}，{units} 个单元，{outputs:,} 个符号，共 {count:,} 个参数",
    "expected.model-of-objective": "目标为 {objective!r} 的模型",
    "expected.draw": "至少一个字符的前缀，length >= 0，以及不小于 0 的有限温度",
    "got.draw": "{prefix!r}、{length} 和 {temperature}",
    "expected.position": "从 0 到 {last} 的位置，且 k >= 1",
    "got.position": "{position} 和 {k}",
    "expected.seed-of-torch": "从 -2^63 到 2^64 - 1 的整数",
    "net.forward": "前向",
    "net.backward": "后向",
    "net.second-forward": "第二个前向",
    "net.both": "两者",
    "models.diverged": (
        "读了 {read:tokens}之后，这个模型的预测不是有限数：它已经发散。请换用更早的迭代周期的权重，或者用更小的学习率训练。"
    ),
    # interventions
    "intervention": "{changes:names}",
    "intervention.none": "没有改动",
    "intervention.held": "{gate} 固定为 {value:g}",
    "intervention.unit": _held_unit,
    "expected.steps": "文本共 {count} 步，其中某一段的第一步和最后一步",
    "expected.unit": "单元的编号，从 0 起，小于 {count}",
    "expected.held": "这种循环单元（{cell}）的权重能够固定住的一个量和它的值（它的量有 {letters:names}；"
    "状态只能取一步之内能达到的值）",
    "intervention.keep-bias": "保留门的偏置 {shift:+g}",
    "intervention.recurrent": "循环权重 × {factor:g}",
    "intervention.read-as": "权重按 {variant} 解读",
    "expected.value-of-gate": "从 0 到 1 的值，用来固定这个门",
    "expected.factor": "不小于 0 的有限倍数",
    "expected.gate-of-cell": "要固定的门，须是这种循环单元（{cell}）的门（{letters:names}）",
    "expected.no-gate": "要固定的门，须是这种循环单元（{cell}）的门（它没有门）",
    "got.letters": "{letters:names}",
    "expected.cell-that-keeps": "带有保留门的循环单元（{cells:names}）",
    "expected.factor-without-recurrence": "1，因为这种循环单元（{cell}）没有循环权重",
    "expected.variant": "这种循环单元（{cell}）可用的以下之一：{allowed:names}",
    "expected.no-variant": "None，因为这种循环单元（{cell}）没有变体",
    # the problems gates were made for, the claims about them, and their page
    "expected.model-of-problem": "读符号 {symbols} 的模型",
    "problem.first": "重要的第一个符号",
    "problem.skip": "该跳过的符号",
    "problem.breaks": "断点",
    "problem.parity": "奇偶",
    "option.first": "重要的第一个符号",
    "option.skip": "该跳过的符号",
    "option.breaks": "断点",
    "option.parity": "奇偶",
    "problem.first.what": "**最后要问的是第一个字符**。中间的全是噪声，其中也有数字。",
    "problem.skip.what": "**抄写括号外的数字**。< 和 > 之间的内容要忽略。",
    "problem.breaks.what": "**把数字相加，模 4**。符号 | 把和重置为 0。",
    "problem.parity.what": "**1 的个数是奇数吗**？每一位都算数，漏掉一位答案就错。",
    "problem.first.why": "正确答案是 **{answer}**：文本开头的那个字符。",
    "problem.skip.why": "正确答案是 **{answer}**：括号外的数字，按原来的顺序。",
    "problem.breaks.why": "正确答案是 **{answer}**：最后一个 | 之后的数字之和，模 4。",
    "problem.parity.why": "正确答案是 **{answer}**：1 的个数为奇数时是 1，为偶数时是 0。",
    "problem-part.kept": "要记住的",
    "problem-part.noise": "要忽略的",
    "problem-part.break": "断点",
    "problem-part.answer": "答案",
    "problem-figure.accuracy": "正确率随学习时间（秒）的变化",
    "problem-figure.nll-nats": "答案的损失（nat）随时间（秒）的变化",
    "problem-figure.length": "文本的字符数",
    "problem-figure.chance": "瞎猜",
    "problem-figure.alt": "每种循环单元的正确率与文本长度的关系",
    "problem-page.what": "**门就是为这些问题发明的**。看 {units} 个单元的网络怎样学会其中一个，或者学不会。",
    "problem-page.chance": "瞎猜时，被问到的字符有 {chance:.0%} 猜对。",
    "problem-page.train": "训练",
    "problem-page.again": "重新训练",
    "problem-page.before": "每种循环单元一直学到解决问题为止，最多计算 {most_s:g} 秒；机器上还有别的工作时会更久。",
    "problem-page.init.chrono": "保留门的初始偏置适合最长 {length} 个字符的记忆（chrono）。",
    "problem-page.init.orthogonal": "循环权重初始化为正交矩阵。",
    "problem-page.grows": "先用短文本，十个答案对了九个，文本就加长。",
    "problem-page.no-cells": "请至少选一种循环单元。",
    "problem-page.learning": "**{cell}** 正在学习：第 {step:,} 步，文本 {length} 个字符，{elapsed_s:.1f} 秒",
    "problem-page.solved": "**{cell}** 解决了问题：{step:,} 步，{elapsed_s:.1f} 秒，文本 {length} 个字符",
    "problem-page.unsolved": "**{cell}** 用了 {step:,} 步、{elapsed_s:.1f} 秒仍未解决；最后的文本有 {length} 个字符",
    "problem-page.lengths": "**正确率与长度**，用的是新文本。虚线在 {length} 个字符处，即训练时的长度。",
    "problem-page.claims": "**门做了什么：实测**。打勾：这个说法对这个模型成立。打叉：不成立。",
    "problem-page.see-gates": "在上面的文本上看它的门",
    "problem-page.model": "{problem}（{cell}）",
    "claim.keeps": "在噪声上，{gate}比在要记住的内容上保留得更多：噪声上平均 {noise:.2f}，后者平均 {kept:.2f}。",
    "claim.keeps.not": "{gate}在噪声上（平均 {noise:.2f}）并不比在要记住的内容上（{kept:.2f}）保留得更多。",
    "claim.resets": "{gate}在断点处关闭：那里平均 {breaks:.2f}，别处 {elsewhere:.2f}。",
    "claim.resets.not": "{gate}在断点处并不关闭：那里平均 {breaks:.2f}，别处 {elsewhere:.2f}。",
    "claim.reaches": "答案的梯度能传到答案所需要的内容：往回 {steps:g} 步（中位数）时，它的范数是在答案处的 {share:.3g} 倍。",
    "claim.reaches.not": "答案虽然正确，答案的梯度却传不到答案所需要的内容：往回 {steps:g} 步（中位数）时，它的范数只是在答案处的 {share:.2g} 倍。",
    "claim.reaches.unsolved": "问题没有解决。往回 {steps:g} 步（中位数）时，答案的梯度的范数是在答案处的 {share:.2g} 倍。",
    "claim.needed": "要答对，{gate}必须变动：把每个单元的这个门固定为各自的均值，正确率就从 {before:.0%} 变为 {after:.0%}。",
    "claim.needed.not": "固定{gate}，正确率没有降到与瞎猜的中间：把每个单元的这个门固定为各自的均值，正确率是 {after:.0%}，"
    "原来是 {before:.0%}。",
    "claim.needed.unsolved": "问题没有解决，{gate}也就没有什么可破坏的：正确率是 {before:.0%}。",
    # training
    "training.diverged": (
        "在第 {step} 步发散：{parameter} 的{what}不是有限数。已保留上一步的权重。"
        "请调小学习率，或者裁剪梯度的范数（如果已经裁剪，就用更小的阈值）。"
    ),
    "training.diverged.gradient": "梯度",
    "training.diverged.value": "值",
    "training.diverged.weight": "新权重",
    "training.too-short": (
        "按这个训练设置（batch_size {batch_size}，num_steps {num_steps}），文本至少要有 {least:,} 个{token}；"
        "得到 {characters:,} 个。请换更长的文本，或者调小 batch_size 或 num_steps。"
    ),
    "training.ids.kind": "ids：应为一行整数；得到 {dtype}，形状 {shape}。",
    "training.ids.range": (
        "ids：应为从 0 到 {most} 的数，词表的每个符号一个；得到从 {first} 到 {last}。请用这个模型自己的词表给文本编码。"
    ),
    "expected.seed": "最多 18 位的整数",
    "expected.a-step-that-fits": "对 {optimizer} 最大为 {most:.2g}，这样权重才容得下一步更新",
    "expected.between-steps": "处在两步之间的训练",
    "got.closed": "已经关闭或在一步中途结束的训练",
    "expected.these-tensors": "这个模型和训练设置的状态，含 {count} 个张量",
    "got.differs": "在 {odd:some} 上不同的状态",
    "expected.this-tensor": "这个模型和训练设置的状态，其中 {name} 为 {dtype}，形状 {shape}",
    "got.tensor": "{dtype} {shape}",
    "expected.counter": _span,
    "expected.sum-of-losses": "nll_sum_nats 是不小于 0 的有限数，第一步之前为 0",
    "expected.tensor-to-be": "{name} 等于 {value:,}",
    "expected.tensor-at-least-zero": "{name} 不小于 0",
    "got.less-or-nan": "小于 0 的数或 NaN",
    "expected.finite-tensor": "{name} 是有限的",
    "got.not-finite": "NaN 或无穷大",
    # batches
    "batches.too-short": (
        "小批量为 {batch_size} x {num_steps} 时，至少需要 {least:,} 个{token}；得到 {characters:,} 个。"
        "请换更长的文本、更小的批量或更少的步数。"
    ),
    "batches.sampling": "sampling 应为 {allowed:alternatives}；得到 {got!r}。",
    # foreign: what a file is
    "file.safetensors": "一个 .safetensors 文件",
    "file.pdf": "一个 PDF 文档",
    "file.rtf": "一个 RTF 文档",
    "file.postscript": "一个 PostScript 文档",
    "file.old-office": "一个旧版 Word、Excel 或 PowerPoint 文件（.doc、.xls、.ppt）",
    "file.png": "一张 PNG 图片",
    "file.jpeg": "一张 JPEG 图片",
    "file.gif": "一张 GIF 图片",
    "file.tiff": "一张 TIFF 图片",
    "file.photoshop": "一张 Photoshop 图片",
    "file.hdf5": "一个 HDF5 文件，例如 Keras 的 .h5 模型",
    "file.npy": "一个 NumPy 数组（.npy）",
    "file.gguf": "一个 GGUF 模型",
    "file.gzip": "一个 gzip 压缩文件（.gz）",
    "file.xz": "一个 xz 压缩文件（.xz）",
    "file.7zip": "一个 7-Zip 压缩包",
    "file.rar": "一个 RAR 压缩包",
    "file.zstandard": "一个 Zstandard 压缩文件（.zst）",
    "file.sqlite": "一个 SQLite 数据库",
    "file.elf": "一个程序（ELF）",
    "file.mach-o": "一个程序（Mach-O）",
    "file.java-or-mach-o": "一个程序（Java 或 Mach-O）",
    "file.webassembly": "一个程序（WebAssembly）",
    "file.mp3": "一段 MP3 录音",
    "file.ogg": "一段 Ogg 录音",
    "file.flac": "一段 FLAC 录音",
    "file.matroska": "一段 Matroska 或 WebM 视频",
    "file.arrow": "一个 Arrow 表格",
    "file.parquet": "一个 Parquet 表格",
    "file.font": "一个字体文件",
    "file.mp4": "一段视频、录音或一张 HEIC 图片（MP4 系列）",
    "file.tensorflow-lite": "一个 TensorFlow Lite 模型",
    "file.tar": "一个 tar 归档文件",
    "file.wav": "一段 WAV 录音",
    "file.webp": "一张 WebP 图片",
    "file.avi": "一段 AVI 视频",
    "file.pytorch": "一个 PyTorch 文件（.pth、.pt）",
    "file.keras": "一个 Keras 模型（.keras）",
    "file.docx": "一个 Word 文档（.docx）",
    "file.xlsx": "一个 Excel 表格（.xlsx）",
    "file.pptx": "一个 PowerPoint 演示文稿（.pptx）",
    "file.epub": "一本电子书（.epub）",
    "file.opendocument": "一个 OpenDocument 文件（.odt、.ods、.odp）",
    "file.java": "一个 Java 或 Android 程序",
    "file.text": "一个文本文件",
    "file.git-lfs": "一个 Git LFS 指针，它只是代替真正的文件；请用 `git lfs pull` 取回真正的文件",
    "file.web-page": "一个网页（HTML），不是本来要下载的文件",
    "file.bmp": "一张 BMP 图片",
    "file.bzip2": "一个 bzip2 压缩文件（.bz2）",
    "file.npz": "一个 NumPy 归档文件（.npz）",
    "file.zip": "一个 ZIP 压缩包",
    "file.pickle": "一个 Python pickle 文件（.pkl、.pt）",
    "file.onnx": "一个 ONNX 模型",
    # text
    "text.no-loss": "文本至少要有 {least} 个{token}才有损失；得到 {count} 个。",
    "text.too-long-for-flow": "T x T 的梯度流最多容许 {most:,} 个{token}；得到 {count:,} 个。请只取一部分。",
    "text.too-large": "文本最大为 {most:whole MB}；这一个有 {size:MB}。请截短后再试。",
    "text.foreign": "应为纯文本；这是{kind}。请把你要的文本存成或复制到一个 .txt 文件里。",
    "text.nothing-visible": "文本至少要有一个可见字符；这个文件里没有。",
    "text.binary": "应为纯文本；这个文件含有控制字符（按 {encoding} 读取），所以是二进制文件。",
    "text.unreadable": "应为纯文本。{reason}请存成 UTF-8 后再试。",
    "text.encoding-in-doubt": (
        "文本的编码应当能够确定。{reason}请选择一种：{candidates:choices}。或者把它存成 UTF-8。"
    ),
    "text.encoding-unknown": "应为以下编码之一：{known:choices}。得到 {got:quoted}。",
    "text.other-encoding": "应为 {encoding} 编码的文本，但{flaw}请选择另一种编码，或者把文件存成 UTF-8。",
    "text.end-of-file-dropped": "DOS 的文件结束符（^Z）已丢弃。",
    "text.breaks-became-line-ends": _breaks,
    "vocabulary.too-few": "应为 {unknown!r} 加上至少一个字符；得到 {count} 个符号。",
    "vocabulary.odd.character": "符号应为互不相同的单个字符；得到 {symbols!a:.60}。",
    "vocabulary.odd.word": "符号应为互不相同的单个词；得到 {symbols!a:.60}。",
    "vocabulary.repeated": "符号应互不相同；有一个重复了。",
    "vocabulary.counts": "{count} 个符号应各有一个从 0 到 {most:,} 的计数。",
    "vocabulary.empty-text": "要从文本得到词表，文本至少要有一个字符；它是空的。",
    # encodings
    "encodings.cut.beginning": lambda count: _cut(count, "开头"),
    "encodings.cut.end": lambda count: _cut(count, "末尾"),
    "encodings.replaced": lambda places: f"有 {_some(places, '处')}无法读取，已换成 \ufffd。",
    "encodings.marked": "这个文件带有 {encoding} 的标记，但{flaw}",
    "encodings.alike": "这个文件看起来是 {encoding} 编码，但{flaw}",
    "encodings.flaw": "第 {place:,} 字节（0x{byte:02X}，在第 {line:,} 行）不符合这种编码。",
    "encodings.binary": "这个文件含有控制字符，所以是二进制文件，不是文本。",
    "encodings.none": "按这里已知的任何编码，这些字节都不是文本。",
    "encodings.several": "这个文件可能是几种编码中的任何一种。",
    # strict
    "strict.cut-off": "应为 .safetensors 文件；得到 {size:,} 字节，太短，不成其为这种文件，或者文件被截断了。",
    "strict.header-too-large": "文件头最大为 {most:,} 字节；这个文件头自称 {size:,} 字节。",
    "strict.header-not-utf-8": "文件头应为 UTF-8；这些字节不是。",
    "strict.too-many-tensors": "最多容许 {most:,} 个张量；得到 {count:,} 个。",
    "strict.begins-elsewhere": "张量 {tensor!r} 应从第 {expected:,} 字节开始；它从第 {begin:,} 字节开始。",
    "strict.size-of-weights": "权重应为 {expected:,} 字节；得到 {size:,} 字节。",
    "strict.name-of-tensor": "张量名应由字母、数字、'_' 和 '.' 组成；得到 {got!r:.60}。",
    "strict.entry": "张量 {tensor!r} 应有 dtype、shape 和 data_offsets；得到的是别的内容。",
    "strict.number-format": "张量 {tensor!r} 应为 {allowed:alternatives}；得到 {got:quoted}。",
    "strict.whole-numbers": "张量 {tensor!r} 的 {what} 应为文件范围内最多 {most} 个整数；得到 {got!a:.60}。",
    "strict.bytes-of-shape": "张量 {tensor!r} 的形状是 {shape}，所占字节数应与形状相符；得到 {offsets}。",
    "strict.json": "{what} 应为 JSON；{reason:.100}。",
    "strict.too-deep": "嵌套太深",
    "strict.key-twice": "有一个键出现了两次",
    "strict.no-json": "{constant} 不是 JSON",
    "strict.fields": "{what} 应有字段 {names:names}；不同之处：{odd:quoted names}。",
    # checkpoints
    "checkpoint.only-own": (
        "这个版本只能打开它自己的检查点：请从“训练”页的某个训练任务下载一个，或者用 "
        "`python -m explorer train --output model.safetensors` 生成一个。"
    ),
    "checkpoint.foreign": "应为本程序的检查点；这是{kind}。{advice}",
    "checkpoint.of-another-program": (
        "文件头应带有本程序写入的元数据；这个 .safetensors 文件来自别的程序：它有权重，但既没有词表，也没有配置。{advice}"
    ),
    "checkpoint.no-such-epoch": "应为以下迭代周期之一：{epochs:names}；得到 {got}。",
    "checkpoint.not-finite-to-save": "只能保存有限的权重；{tensor} 含有 NaN 或无穷大。",
    "checkpoint.too-large-to-save": (
        "检查点最大为 {most:whole MB}，文件头最大为 {header:whole MB}；这个检查点有 {size:MB}。"
        "请少留几个快照，或者减少单元。"
    ),
    "checkpoint.not-written": "无法写入 {path}：{reason}。什么也没有改动。",
    "checkpoint.not-read": "无法读取 {path}：{reason}。",
    "checkpoint.no-file": "{path} 应为 .safetensors 文件；那里是一个文件夹或设备。",
    "checkpoint.nothing-there": "{path} 应为 .safetensors 文件；那里什么也没有。",
    "checkpoint.too-large": "文件最大为 {most:whole MB}；这一个有 {size:MB}。",
    "checkpoint.makes-no-sense": "文件对自身的描述讲不通：{reason!s:.300}",
    "checkpoint.format": "应为格式 {format} 的检查点；得到 {got:quoted}。",
    "checkpoint.metadata": "元数据应为 {names:names}；不同之处：{odd:quoted names}。",
    "checkpoint.seed": "随机种子应为整数；得到 {got:quoted}。",
    "checkpoint.too-many-parameters": "最多容许 {most:,} 个参数；这个配置有 {count:,} 个。",
    "checkpoint.refused-by-library": "应为 .safetensors 文件；库拒绝了它：{reason!a:.100}。",
    "checkpoint.token": "训练设置和词表应一致；前者读 {recipe}，后者读 {vocabulary}。",
    "checkpoint.vocabulary": "词表应由字符或词和它们的计数组成；得到的是别的内容。",
    "checkpoint.counts": "词表的计数应为整数；得到的是别的内容。",
    "checkpoint.history.columns": "训练历史应有列 {names:names}；得到的是别的内容。",
    "checkpoint.history.lengths": "训练历史的各列应一样长；它们不一样长。",
    "checkpoint.history.numbers": "训练历史的列 {column!r} 应为有限数；得到的是别的内容。",
    "checkpoint.history.epochs": "训练历史的迭代周期应从 1 数起；这一个不是。",
    "checkpoint.parameter": "{tensor} 应为 F32，形状 {expected}；得到 {dtype} {shape}。",
    "checkpoint.snapshot": "{tensor} 应含有 {last_epoch} 之前某个迭代周期的 {count:,} 个权重；得到 {shape}。",
    "checkpoint.odd-tensor": "应为这个配置的张量；{tensor!r} 不在其中。",
    "checkpoint.missing-tensor": "文件里应有张量 {tensor!r}；它不在。",
    "checkpoint.not-finite": "权重应为有限数；张量 {tensor!r} 含有 NaN 或无穷大。",
    # importing: how a file of another program is refused
    "import.memory": "内存中的 state_dict",
    "import.unknown": "另一种文件",
    "import.cannot-read": (
        "应为 PyTorch 文件（.pt、.pth）、.safetensors、.npz、Keras 的 .h5 或 .keras，或 .onnx 里的模型；这是{kind!s}。"
    ),
    "import.more-than-weights": (
        "应为只含权重的文件：state_dict（.pt、.pth）、.safetensors 或 .npz；这是{kind!s}，里面还有别的内容。"
        "请在命令行打开它：`python -m explorer import FILE`。"
    ),
    "import.no-file": "{path} 应为一个文件；那里没有文件。",
    "import.not-read": "无法读取 {path}：{reason}。",
    "import.too-large": "文件最大为 {most:whole MB}；这一个有 {size:MB}。",
    "import.too-many-numbers": "文件的所有张量合计最多 {most:,} 个数；它不止这么多。",
    "import.too-many-tensors": "最多容许 {most:,} 个张量；文件里不止这么多。",
    "import.name": "张量名应为最多 {most} 个可打印字符；得到 {got:quoted}。",
    "import.nested": "张量应在几层列表和字典之内；这个文件嵌套太深或太大。",
    "import.cut-off": "第 {at:,} 字节之后应当还有内容；文件在那里被截断或已损坏。请重新下载。",
    "import.damaged-pickle": "应为模型的 pickle；它在第 {at:,} 字节之前就讲不通。文件已损坏。",
    "import.too-many-instructions": "模型的 pickle 最多容许 {most:,} 条指令；这一个不止这么多。",
    "import.damaged-zip": "应为可以读取的 zip 压缩包；这一个已损坏。请重新下载。",
    "import.no-pickle": "压缩包里应有 PyTorch 写入的成员 data.pkl；这里没有。",
    "import.storage-missing": "文件里应有存储 {key:quoted} 的数；它们缺失或不完整。",
    "import.odd-storage": "应为普通数值的张量；文件里有类型为 {got:quoted} 的存储。",
    "import.member-too-large": "{name:quoted} 最大为 {most:,} 字节；压缩包自称有 {size:,} 字节。",
    "import.odd-shape": "张量最多容许几百万个数；{tensor:quoted} 的形状是 {shape!s:.60}。",
    "import.odd-array": "{tensor:quoted} 应为普通数值的数组；它的描述与字节不符。",
    "import.single-array": "应有模型的全部张量，如 .npz 那样；.npy 文件只含一个。",
    "import.outside-storage": "张量 {tensor:quoted} 应在它的存储之内；它超出了范围。文件已损坏。",
    "import.not-numbers": "{tensor:quoted} 应为实数；得到 {dtype}。",
    "import.not-finite": "权重应为有限数；{tensor} 含有 NaN 或无穷大。",
    "import.own-checkpoint": "这是本程序的检查点，不需要导入：用 load_checkpoint 打开它。",
    "import.needs-package": "要读取{kind!s}，需要 {package} 包：`pip install {package}`。",
    "import.damaged-hdf5": "应为可以读取的 HDF5 文件；这一个已损坏，或者属于未知的种类。",
    "import.keras-config": "应为 Keras 对模型的描述和与之相符的权重；两者对不上。",
    "import.keras-graph": "各层应逐层相叠；{layer} 读的不是它前面那一层。",
    "import.keras-layer": "层 {layer}（{kind}）是我们的模型无法表达的。",
    "import.keras-activation": (
        "层 {layer} 的激活函数是 {got}，我们的模型在那里没有这种函数。"
        "（“hard_sigmoid”在 2019 年以前是 Keras 的门的默认激活函数；它不是 sigmoid。）"
    ),
    "import.keras-direction": "层 {layer} 反向读，或者合并两个方向的方式不是并排拼接。",
    "import.keras-last-only": (
        "层 {layer} 只给出最后的状态（return_sequences=False），我们的模型在那里都无法表达这一点。"
    ),
    "import.damaged-onnx": "应为可以读取的 ONNX 模型；这一个已损坏。",
    "import.onnx-elsewhere": "全部权重应在 .onnx 文件本身之内；{tensor} 在另一个文件里。请把模型存成一个文件。",
    "import.onnx-operator": "计算图里有算子 {operator}（{node:quoted}），我们的模型在那里都无法表达它。",
    "import.onnx-state": "算子 {node:quoted} 的初始状态不为零，或者有窥视孔连接；我们的循环单元没有这些。",
    "import.onnx-weights": "{node:quoted} 的权重应为文件里的常量；计算图却要把它们算出来。",
    "import.onnx-attributes": (
        "算子 {node:quoted} 的激活函数、方向或布局是我们的循环单元所没有的。"
        "应为通常的激活函数，前向或双向，时间在第一维。"
    ),
    # importing: what a model must be
    "import.no-layers": lambda candidates: (
        "应有循环层，其名称如 weight_ih_l0 和 weight_hh_l0；"
        + (f"没有一个矩阵叫这样的名称：{_few(candidates)}。" if candidates else "这里一个矩阵也没有。")
    ),
    "import.which-layers": (
        "应为一叠循环层；这些层可能上下相叠，也可能并排：{candidates:few}。"
        "请用 layers= 从输入往上列出你要的层，或者用 leave_out= 整个去掉第二个模型。"
    ),
    "import.no-such-layer": "layers= 应为以下的若干项：{candidates:few}；得到 {got:quoted}。",
    "import.projection": "应为没有投影的层（proj_size=0）；{tensor} 是投影，我们的循环单元都没有。",
    "import.odd-layer": (
        "权重应为 1、3 或 4 块，每块 H 行，输入一侧的行数也相同；{tensor} 是 {shape}，{other} 是 {other_shape}。"
    ),
    "import.odd-bias": "偏置 {tensor} 应有 {expected:,} 个数；它的形状是 {shape}。",
    "import.several-cells": "所有层应为同一种循环单元；它们的权重的行块数有 {blocks:names}。",
    "import.other-cell": lambda tensor, shape, blocks, cell, candidates: (
        f"每块 H 行，rnn 应为 1 块，gru 应为 3 块，lstm 应为 4 块；{tensor} {list(shape)} 有 {blocks} 块"
        + (f"，而要求的是 cell={cell!r}。" if cell else "。")
    ),
    "import.only-backward": "应为前向读的层；{tensor} 所属的层只从末尾读。",
    "import.one-way-only": "所有层读的方向应相同；{tensor} 所在的层不同。",
    "import.chain": (
        "每一层读的应是它下面一层的输出；{tensor} 读 {inputs} 个数，下面一层给出 {below} 个。"
        "如果顺序不是这样，请用 layers= 从输入往上列出各层：{candidates:few}。"
    ),
    "import.widths": "第二个网络的宽度应相同；各层前向有 {forward} 个单元，后向有 {backward} 个。",
    "import.gate-order": "gate_order= 应为字母 {candidates:few}，按文件里的顺序；得到 {got:quoted}。",
    "import.z-of-gru": "只有 GRU 有可以反转的更新门；这个模型的循环单元是 {cell}。",
    "import.configuration": "我们的模型都不可能是这个文件所描述的：{reason!s:.300}",
    "import.no-head": lambda features, candidates: (
        f"输出层应有 {features} 列，对应最后一层给出的每个数；"
        + (f"其余张量都没有这么多列：{_few(candidates)}。" if candidates else "没有其余的张量。")
    ),
    "import.no-such-tensor": "{argument}= 应为以下之一：{candidates:few}；得到 {got:quoted}。",
    "import.not-symbols": (
        "模型读的和预测的应为同样的符号；它的第一层每步读 {inputs} 个数，{head} 给出 {outputs} 个。"
        "连续输入的模型和分类器无法打开。它的其余张量：{candidates:few}。"
    ),
    "import.several-ends": "有两个张量都可能是 {argument}：{candidates:alternatives}。请用 {argument}= 选定一个。",
    "import.left-over": (
        "这个模型还有 {candidates:few}，我们的模型都无法表达它们：去掉之后，预测就会不同。"
        "如果它们与预测无关，请在 leave_out= 里列出。"
    ),
    # importing: vocabularies
    "import.no-vocabulary": lambda count, candidates: (
        f"需要词表：请用 vocabulary= 给出这个模型的 {count:,} 个符号，按编号排列。"
        + (f"文件本身有几个词表：{_few(candidates)}。" if candidates else "文件里没有这么长的词表。")
    ),
    "import.vocabulary": "词表应为按顺序排列的符号，或者符号与编号之间的字典；得到 {got}。",
    "import.vocabulary-file": "应为训练这个模型所用的文本：{reason}",
    "import.vocabulary-not-utf-8": "符号应为 UTF-8；{path} 是另一种编码。",
    "import.rule": "rule= 应为以下之一：{candidates:few}；得到 {got:quoted}。",
    "import.rule-without-text": "使用规则（{candidates:few}）时，应给出文本或它的路径；得到的是符号。",
    "import.number-of-symbols": lambda expected, count, last: (
        f"应为这个模型的 {expected:,} 个符号；词表有 {count:,} 个"
        + (f"，编号一直到 {last:,}。" if last >= count else "。")
    ),
    "import.symbol-twice": "每个符号应只出现一次；{got!r:.20} 在词表里出现了两次。",
    "import.words": ("符号应为字符或词；其中 {count:,} 个都不是，例如 {candidates:few}。按词的片段读的模型无法打开。"),
    "import.sample": "sample= 应为模型认得的、至少两个字符的文本；在这段文本里什么也没有预测。",
    # importing: the account
    "import.report.kind": "来源：{kind!s}。",
    "import.report.taken": "{name} {shape} 成为 {became}：{why!s}。",
    "import.report.left-out": "{name} 没有采用：{why!s}。",
    "import.why.embedding": "{symbols:,} 个符号，每个 {width} 个数，正是第一层所读的个数",
    "import.why.input": "它的 {blocks} x {hidden} 行正是循环单元“{title}”的行，这种单元读 {width} 个数",
    "import.why.state": "它同样有 {blocks} x {hidden} 行，列数等于状态的大小",
    "import.why.bias": "数的个数等于它的权重的行数",
    "import.why.head": "由最后一层的 {features} 个数得到 {symbols:,} 个符号",
    "import.why.head-bias": "每个符号一个数",
    "import.left.training": "它属于训练过程",
    "import.left.asked": "这是你要求的",
    "import.left.layer": "没有要求用它所在的层",
    "import.left.no-weights": "它不含权重",
    "import.note.unknown-added": "模型没有表示未知字符的符号。已添加一个：它从不会被预测，读入时为零。",
    "import.note.words": "它按词读。如果它的程序用别的方式切分文本，例如把 “don't” 分成两个，那么这个词在这里是未知的。",
    "import.note.line-end": "它的符号 {symbol!r} 在行尾读入。",
    "import.note.stand-in": "符号 {number}（{symbol!r:.20}）不是字符，也不是词；用 {code} 代替它。",
    "import.note.unnamed": "符号 {number} 不在词表里；用 {code} 代替它。",
    "import.note.no-head-bias": "输出层没有偏置：取为零。",
    "import.note.no-bias": "有些层没有偏置：取为零。",
    "import.note.one-hot": "没有嵌入：模型以独热编码读 {symbols:,} 个符号。",
    "import.note.tied": "同一个矩阵既是嵌入，又是输出层。",
    "import.note.both-ways": ("模型从两端读；打开时所用的目标是 {objective!r}，它训练时的目标可能不是这个。"),
    "import.note.last-only": ("训练时，这个模型只在读完整个文本窗口之后才预测，所以它在文本开头附近的预测从未训练过。"),
    "import.note.no-counts": "不知道每个符号在它的语料里出现了多少次，所以不能用频率作标准来比较。",
    "import.note.activation-assumed": (
        "从文件里看不出激活函数。这里假定为“tanh”，与 torch.nn.RNN 相同；给出 sample= 文本就能判定。"
    ),
    "import.note.activations": (
        "样本的困惑度：tanh 为 {tanh:perplexity}，relu 为 {relu:perplexity}。打开时采用“{chosen}”。"
    ),
    "import.note.reset-assumed": (
        "从文件里看不出重置门作用在哪里。这里假定为“之后”，与 torch.nn.GRU 相同；给出 sample= 文本就能判定。"
    ),
    "import.note.resets": (
        "样本的困惑度：重置门在乘积之后为 {after:perplexity}，在乘积之前为 {before:perplexity}。打开时采用“{chosen}”。"
    ),
    "import.note.sample": "样本的困惑度：{nats:perplexity}。",
    # corpora
    "corpora.unknown": "语料的名称应为以下之一：{names:names}；得到 {got!r}。",
    "corpora.not-fetched": (
        "无法从 {url} 取得《时间机器》：{cause}。请稍后再试，或者改用内置语料"
        "（{built_in:alternatives}），它们不需要网络。"
    ),
    "corpora.another-file": "这本书的 SHA-1 应为 {sha1}；从 {url} 得到的是另一个文件。",
    "corpora.server-answers": "服务器的回答是 {status}",
    "corpora.no-address": "找不到它的地址，这台机器大概没有联网",
    "corpora.no-answer": "{seconds} 秒之内没有回答",
    "corpora.connection-refused": "连接被拒绝",
    "corpora.not-secure": "无法建立安全连接",
    "corpora.no-way": "没有通往它的路由，这台机器大概没有联网",
    "corpora.connection-broke-off": "连接中断",
    # recording
    "expected.snapshot": "snapshot.{epoch}，已为它留出位置",
    "expected.snapshot-of": "snapshot.{epoch}，即 {weights:,} 个权重的半精度或单精度数，最大 {most:,} 字节",
    "expected.finite-snapshot": "有限的 snapshot.{epoch}",
    "expected.kept": "{epochs:,} 个迭代周期所保留的内容",
    "got.more": "还多出 {odd:some}",
    "expected.table": "{name} 为 torch.float64，形状 {shape}",
    "got.none": "没有",
    "expected.numbers": "{name} 里为不小于 0 的有限数，比例不超过 1",
    "got.others": "别的数",
    "expected.place": "{name} 里为第 {epoch:,} 个迭代周期的第 {step:,} 步",
    "got.place": "第 {epoch:g} 个迭代周期的第 {step:g} 步",
    # probes: a value that is not a finite number
    "value": "{parts:names}",
    "value.loss": "损失",
    "value.norm": "梯度范数",
    "value.gradient-of": "{parameter} 的梯度",
    "value.state": "状态 h（第 {layer} 层，{direction:way}）",
    "value.gradient-of-loss": "第 {row} 步的损失在 {part} 处的梯度",
    "value.gradient-of-mean-loss": "平均损失在 {part} 处的梯度",
    "value.read-by": "{module:module} 读入的值",
    "value.states-of": "{module:module} 的状态 h",
    "value.step": "第 {step} 步",
    "value.entry": "第 {entry} 项",
    # probes: the verdicts; a title, what was found, and one change to try
    "sureness.certain": "",
    "sureness.likely": "很可能",
    "verdict.bad-data": "读入的内容不是有限数",
    "verdict.bad-data.found": "第一个不是有限数的值，在第 {at_step:,} 步：{non_finite}。",
    "verdict.bad-data.advice": "请查看那一步的数据，以及这一层之前的部分。",
    "verdict.no-update": "权重没有改变",
    "verdict.no-update.found": "{passes:,} 次反向传播给这个模型带来了梯度，而每次更新都是别的参数。",
    "verdict.no-update.advice": (
        "请用这个模型本身的参数建立优化器（在移动或复制模型之后）；如果不是由 torch 的优化器更新，请调用 probe.end_step()。"
    ),
    "verdict.no-update.found.rate": "学习率是 0。",
    "verdict.no-update.advice.rate": "请设置学习率，或查看设置它的调度器。",
    "verdict.no-update.found.clip": "在 {clip_norm:g} 处裁剪，梯度一点也没剩下。",
    "verdict.no-update.advice.clip": "请以大于 0 的范数裁剪。",
    "verdict.no-gradient": "没有梯度传回来",
    "verdict.no-gradient.found.zero": "在 {steps:,} 步中，要改变权重时所有梯度都恰好是 0。",
    "verdict.no-gradient.advice.zero": "zero_grad() 是否在 backward() 和 step() 之间调用？损失是否乘了 0，或处处被掩蔽？",
    "verdict.no-gradient.found": "在 {steps:,} 步中，没有梯度传回到 {modules:modules}。",
    "verdict.no-gradient.advice": (
        "它是否在 torch.no_grad() 下调用，或者输出被 detach 了？如果是有意的，请冻结它：requires_grad_(False)。"
    ),
    "verdict.exploding": "梯度爆炸",
    "verdict.exploding.found": "按中位数看，往回 {lag:steps}，损失的梯度是其局部梯度的 {share:,.3g} 倍。",
    "verdict.exploding.found.value": "第一个不是有限数的值：{non_finite}。",
    "verdict.exploding.found.prediction": "第一个不是有限数的值：第 {step} 步的预测。",
    "verdict.exploding.advice": "试试更小的循环权重，例如 init='orthogonal'，或者在训练时裁剪梯度。",
    "verdict.exploding.found.loop-value": "第 {at_step:,} 步出现第一个不是有限数的值：{non_finite}。",
    "verdict.exploding.advice.loop-value": ("请按范数裁剪梯度，或者调小学习率。"),
    "verdict.exploding.found.loop-time": (
        "单独往回追踪，损失的梯度在 {lag:steps}之前是原来的 {share:,.3g} 倍（{net:net}）。"
    ),
    "verdict.exploding.advice.loop-time": (
        "请用更小的循环权重作初值，例如对 weight_hh_l0 用 nn.init.orthogonal_，并按范数裁剪梯度。"
    ),
    "verdict.exploding.found.spike": (
        "第 {at_step:,} 步的梯度范数是 {largest:.3g}，为其中位数的 {times:,.0f} 倍，而且没有裁剪。"
    ),
    "verdict.exploding.advice.spike": "请按范数裁剪梯度，阈值可取 {suggested:.2g}：十步中有九步低于它。",
    "verdict.never-detached": "状态从未分离",
    "verdict.never-detached.found": (
        "第 {step:,} 步从上一步的状态开始，而这个状态仍连着上一步的计算图：backward() 于是要经过两步的计算图，"
        "要么失败，要么每一步都变得更大。"
    ),
    "verdict.never-detached.advice": ("在两步之间分离状态：state = state.detach()，对 LSTM 则分离它的两个部分。"),
    "verdict.untrained": "还没有训练",
    "verdict.untrained.found": "它还没有完成一个迭代周期；瞎猜的困惑度是 {uniform_nats:perplexity}。",
    "verdict.untrained.advice": "请训练它；它的梯度现在的样子说明不了以后会怎样。",
    "verdict.rate-too-large": "学习率太大",
    "verdict.rate-too-large.found": (
        "损失一直在跳动：困惑度曾低到 {best_nats:perplexity}，最后却是 {last_nats:perplexity}。"
    ),
    "verdict.rate-too-large.found.broke-off": "训练在第 {fault_step:,} 步中断：有一个值不再是有限数。",
    "verdict.rate-too-large.found.worse-than-guessing": (
        "训练之后困惑度是 {last_nats:perplexity}，比随便猜（{uniform_nats:perplexity}）还差。"
    ),
    "verdict.rate-too-large.found.grown": (
        "权重增大到 {growth:.0f} 倍，而困惑度 {last_nats:perplexity} 并不比按{token}频率猜（{unigram_nats:perplexity}）好。"
    ),
    "verdict.rate-too-large.found.loop": _rising,
    "verdict.rate-too-large.found.loop-jumped": (
        "损失从 {first_loss:.4g} 开始，最高跳到 {largest_loss:.4g}，现在是 {last_loss:.4g}。"
    ),
    "verdict.rate-too-large.found.loop-value": (
        "损失从 {first_loss:.4g} 升到 {last_loss:.4g}，在第 {at_step:,} 步出现第一个不是有限数的值：{non_finite}。"
    ),
    "verdict.rate-too-large.found.logged": _rising,
    "verdict.rate-too-large.advice.logged": "用更低的学习率重新训练，或者裁剪梯度。",
    "verdict.rate-too-large.advice": _lower_rate,
    "verdict.rate-too-small": "学习率太小",
    "verdict.rate-too-small.found": (
        "训练之后困惑度是 {last_nats:perplexity}，并不比按{token}频率猜（{unigram_nats:perplexity}）好；每一步只把权重改变其大小的 "
        "{update_share:.1g}。"
    ),
    "verdict.rate-too-small.found.loop": "损失停在 {last_loss:.4g}，每一步只把权重改变其大小的 {update_share:.1g}。",
    "verdict.rate-too-small.advice": lambda learning_rate, **_: f"用学习率 {10 * learning_rate:g} 再训练一次。",
    "verdict.clip-bound": "裁剪拖住了训练",
    "verdict.clip-bound.found": (
        "在 {clip_norm:g} 处的裁剪缩短了 {clipped_share:.0%} 的步，平均范数原为 {grad_norm_before:.2g}；现在每一步只把权重改变其大小的 "
        "{update_share:.1g}，学到的很少。"
    ),
    "verdict.clip-bound.advice": "把阈值提高到约 {grad_norm_before:.2g}，或提高学习率：在裁剪之下，只有两者的乘积算数。",
    "verdict.clip-idle": "裁剪从未起作用",
    "verdict.clip-idle.found": "{steps:,} 步中没有一步在 {max_norm:g} 处被裁剪；最大的范数是 {largest:.3g}。",
    "verdict.clip-idle.advice": "要防备少见的大梯度，试试 {suggested:.2g}：十步有九步在它之下。",
    "verdict.overfitting": "过拟合",
    "verdict.overfitting.found": (
        "没有训练过的文本在第 {best_epoch:,} 个迭代周期之后读得最好，困惑度 {best_nats:perplexity}；现在是 {held_out_nats:perplexity}，"
        "而训练达到 {last_nats:perplexity}。"
    ),
    "verdict.overfitting.found.gap": (
        "没有训练过的文本自第 {best_epoch:,} 个迭代周期以来没有读得更好，困惑度 {held_out_nats:perplexity}，"
        "而训练一直降到 {last_nats:perplexity}。"
    ),
    "verdict.overfitting.advice": "在第 {best_epoch:,} 个迭代周期停止，用更少的单元，或给它更多文本。",
    "titled": "**{title}**。",
    "verdict.by-heart": "它把自己的文本背下来了",
    "verdict.by-heart.found": (
        "它的训练结束时困惑度是 {last_nats:perplexity}；这段由同类{token}组成的文本是 {score_nats:perplexity}。"
    ),
    "verdict.by-heart.advice": "要读好别的文本，它需要更长的文本来学习。",
    "verdict.unlike": "这段文本不像它学过的",
    "verdict.unlike.found": "它在这里的困惑度是 {score_nats:perplexity}；训练结束时是 {last_nats:perplexity}。",
    "verdict.unlike.found.unknown": "其中 {unknown_share:.0%} 的{token}是模型不认识的。",
    "verdict.unlike.found.frequencies": (
        "按它学过的频率，这些{token}的困惑度是 {text_nats:perplexity}，而不是 {corpus_nats:perplexity}。"
    ),
    "verdict.unlike.advice": "用与它学过的相似的文本来评判。",
    "verdict.leaks": "它已经读过答案",
    "verdict.leaks.found": _leaks,
    "verdict.leaks.advice": "让它从两边的内容猜每个{token}：objective='cloze'。",
    "verdict.disconnected": "状态与输出之间没有连接",
    "verdict.disconnected.found": "没有损失给它的状态任何梯度。",
    "verdict.disconnected.advice": "检查输出层的权重。",
    "verdict.saturated": "饱和",
    "verdict.saturated.found": "{share:.0%} 的状态处在激活函数平坦的地方。",
    "verdict.saturated.found.gate": "{gate}的值有 {share:.0%} 小于 0.1 或大于 0.9，在那里几乎学不动。",
    "verdict.saturated.found.tanh": "{share:.0%} 的状态超出 ±0.8。",
    "verdict.saturated.found.sigmoid": "{share:.0%} 的状态小于 0.1 或大于 0.9。",
    "verdict.saturated.advice": "试试更小的学习率或更小的初始权重。",
    "verdict.saturated.advice.held": "你手动固定了 {gates:all}。",
    "verdict.dead-units": "大多数单元已死",
    "verdict.dead-units.found": "{share:.0%} 的单元在这段文本的每一步都是零，梯度通不过它们。",
    "verdict.dead-units.found.loop": "{share:.0%} 的单元在小批量的每一步都是零，梯度通不过它们。",
    "verdict.dead-units.advice": "试试 tanh，或更小的学习率。",
    "verdict.truncated": "训练过早截断了梯度",
    "verdict.truncated.found": _truncated,
    "verdict.truncated.advice": "增加步数，使一个小批量跨过需要记住的长度。",
    "verdict.vanishing": "梯度消失",
    "verdict.vanishing.found": _reach,
    "verdict.vanishing.advice.plain": "试试有门的循环单元：它的复制路径乘的是 z，而不是 U。",
    "verdict.vanishing.advice.gated": "试试一开始就打开的门：init='chrono'，或 keep_bias=1。",
    "verdict.vanishing.found.loop-plain": _reach_alone,
    "verdict.vanishing.found.loop-gated": _reach_alone,
    "verdict.vanishing.advice.loop-plain": "试试 nn.GRU 或 nn.LSTM：它们的复制路径乘的是门，而不是 U。",
    "verdict.vanishing.advice.loop-gated": "从会保留的门开始：给遗忘门（LSTM）或更新门（GRU）的偏置加 1 或更多。",
    "verdict.still-learning": "它还在学",
    "verdict.still-learning.found": (
        "在最后 {epochs:epochs}里，困惑度还从 {earlier_nats:perplexity} 降到 {last_nats:perplexity}。"
    ),
    "verdict.still-learning.advice": "再多训练几个迭代周期。",
    "verdict.healthy": "正常",
    "verdict.healthy.found": _reads,
    "verdict.healthy.found.loop": _loss_went,
    "verdict.unclear": "没有明显的问题",
    "verdict.unclear.found": _reads,
    "verdict.unclear.found.loop": _loss_went,
    "verdict.unclear.found.loop-reach": (
        "损失从 {first_loss:.4g} 变到 {last_loss:.4g}。单独往回追踪，一个损失的梯度{horizon_steps:steps}后不到 1 %："
        "如果任务需要更远的内容，原因就在这里；否则请查看别处。"
    ),
    "verdict.too-short": "太短，无法判断",
    "verdict.too-short.found": "需要 {least:g} 个以上的{token}；这段文本有 {characters:g} 个。",
    "verdict.too-short.found.not-entered": "什么也没有记录：循环必须写在 `with GateProbe(model) as probe:` 里面。",
    "verdict.too-short.found.loop": "需要 {least:g} 步以上；这个循环走了 {steps:g} 步。",
    # attaching: what to know of a loop, and what cannot be attached to
    "attach.norms-alone": "只凭范数判断：关于门和随时间的梯度一无所知。",
    "attach.so-far": "到现在 {steps:,} 步，其中 {sampled:,} 步仔细看过。",
    "attach.norms": "裁剪前的梯度范数：中位数 {median:.3g}，十次有九次小于 {ninth:.3g}，百次有 99 次小于 {most:.3g}。",
    "attach.mismatch": (
        "{net:net} 的各步无法恢复：按公式，它的状态与该层的最多相差 {residual:.2g}。不要相信它的门和梯度。"
    ),
    "attach.unseen": (
        "第 {step:,} 步没有看到循环层工作，所以没有门也没有损失。是它的调用被编译了，还是不在代码块里？请编译模型的其余部分。"
    ),
    "attach.passed": "第 {step:,} 步有一个值不是有限数（{value}）。没有用它更新：之后的步又是有限的。",
    "attach.misplaced-clip": (
        "第 {step:,} 步调用 clip_grad_norm_ 时，自上一步以来还没有梯度传来，这不起作用。请在 backward() 和 step() 之间裁剪。"
    ),
    "attach.early-clip": "第 {step:,} 步在裁剪之后又来了梯度，那部分没有裁剪。请在 backward() 和 step() 之间裁剪。",
    "attach.frozen": "{modules:modules}：已冻结，所以没有梯度传回来，也不看它的门。",
    "attach.unchained": "{module:module} 的状态在步与步之间被改动过，或者属于多个序列，所以没有损失沿它们往回追踪。",
    "attach.first-call": "{module:module}在一步里被调用多次；只看第一次学到东西的调用。",
    "attach.failed": "探针自己在第 {step:,} 步出错，略过了那个样本；训练没有受影响：{error}。",
    "attach.store-failed": "应用不再显示这个循环；在第 {step:,} 步它的存储拒绝了：{error}。训练没有受影响。",
    "attach.writer-failed": "一个写入器在第 {step:,} 步出错，不再告诉它任何内容：{error}。",
    "expected.layer-and-head": (
        "由一个循环层和其后一个 nn.Linear 组成的模块，或者直接给出这两者：from_torch(net.rnn, net.head)"
    ),
    "expected.one-number": "只含一个数的张量，或一个数",
    "expected.torch-module": "torch.nn.Module",
    "expected.recurrent-layer": "含有 nn.RNN、nn.GRU、nn.LSTM 或它们的单步单元的模型",
    "expected.uncompiled": "torch.compile 之前的模型，因为编译后的代码不调用它的钩子；请编译其余部分",
    "got.compiled": "编译过的模块 {module}",
    "expected.no-projection": "没有投影的循环层（proj_size=0）",
    "got.projection": "{module:module}的 proj_size={size}",
    "expected.rows-of-log": "每一步一行",
    "expected.norms": "一列范数，没有小于 0 的",
    "got.columns": "{names:few}",
    "expected.norm-column": "含有梯度范数的一列，名为 {names:names} 之类",
    "expected.one-layer": "{allowed:names} 中一个 nn.RNN、nn.GRU 或 nn.LSTM 的名字",
    "expected.head": "一个有 {features} 个输入的 nn.Linear；用 head= 给出",
    "expected.some-columns": "1 到 {most} 列数",
    "expected.share-held-out": "大于 0 且不超过 0.9 的比例",
    "expected.rows": "{least:,} 到 {most:,} 行",
    "expected.steps-in-table": "最多 {most:,} 个时间步，这是表格中用来学习的部分",
    "expected.one-column": "以下之一：{allowed:names}，且只有一列叫这个名字",
    "expected.column-of-numbers": "每个值都是有限数的列",
    "expected.no-embedding": "没有：数没有嵌入",
    "expected.a-step-asked": "至少一个要看输出的步",
    "expected.labels": "{count:,} 个标签，每步一个",
    "expected.numbers-in-time": "形状 (T, {columns}) 的浮点数，每个时间步一行",
    "expected.target-shape": "形状 {shape}",
    "expected.finite-numbers": "有限数",
    "expected.classes": "从 0 到 {most} 的类别",
    "expected.mask": "{steps} 个 True 或 False 的掩码",
    "score.squared-error": "均方误差",
    "score.cross-entropy": "交叉熵",
    "expected.writer": "有 add_scalar(name, value, step) 或 log(dict, step=) 的对象",
    "got.type": "{kind} 类型的对象",
    # probes: what a reading says
    "sentences": "{sentences:sentences}",
    "characters": _characters,
    "reading.no-text": "还没有文本：门和困惑度没有定义。",
    "reading.memory-all": "按保留旧状态的门判断，每个单元都{way}。",
    "reading.keeps-all": "在整段文本中保持它的状态",
    "reading.keeps-nothing": "立刻放掉它的状态",
    "reading.memory": (
        "按保留旧状态的门判断，一半的单元保持状态 {median:memory}或更短，单元 {unit} 保持 {longest:memory}。"
    ),
    "reading.no-surprise": "一个{token}有门，但没有困惑度：它前面什么也没有，无从预测。",
    "reading.surprise": "最大的意外是第 {step} 步的“{character}”，{bits:tenths} 比特；模型预期的是 {likeliest:all}。",
    "reading.expected": "“{character}”（概率 {probability:.0%}）",
    "reading.no-gradient": "没有梯度到达，所以没有路径传递它。",
    "reading.one-path": "普通循环单元只有一条路径：每一步都把梯度乘以 U。",
    "reading.paths": "{path:own}路径传得最多：每步平均传递梯度的 {share:.2f}；{others:all}。",
    "reading.path": "{path:own}路径 {share:.2f}",
    # probes: what to know before the numbers are believed
    "notice.leaky": (
        "这个模型看得见答案：它有一个网络从末尾读起，在被问到下一个{token}之前已经读过它。它的分数不管多低，都不是困惑度。"
    ),
    "notice.parallel": (
        "这个模型以双向的名义发表，但它的两个网络都向前读。请与真正从末尾读的模型比较：《灯塔》的完形填空 BiGRU。"
    ),
    "notice.not-finite": (
        "{total:,} 步中有 {count:,} 步的状态不是有限数，最早在第 {first:,} 步：这个模型已经发散，或者改动超出了它的数能容纳的范围。"
        "依赖它们的一切都没有定义。"
    ),
    "notice.unknown": lambda count, total, characters: (
        f"{total:,} 个{TOKENS[TOKEN.get()]['token']}中有 {count:,} 个是模型不认识的，它用同一个符号代表所有不认识的：{characters}。"
    ),
    "notice.folded": "这个模型不认识 {characters}：它改读最接近的、它认识的，图上显示的是它读到的。",
    "notice.dropped": "它不认识 {characters}，也不认识任何其他标点或数字：这些都略去了。",
    "notice.both": "{parts:sentences}",
    "notice.unnamed": "它没有对应的输出，所以它们不计入分数。",
    "notice.unknown-scored": _unknown_scored,
    "notice.knows": "它认识 {known}。",
    "notice.knows-more": "它认识 {known} 等等。",
    "notice.knows-words": "它认识 {count:,} 个词，例如 {known}。",
    "notice.unread": "其中 {share:.0%} 的{token}不在语料里，它们只有同一个符号：{characters}。",
    # pages: the frame
    "page.gates": "门",
    "page.gates.help": "训练好的网络在文本的每一步，门做了什么。",
    "page.gradients": "梯度",
    "page.gradients.help": "每个损失有多少到达之前的每一步，由什么传递，裁剪之后剩下什么。",
    "page.train": "训练",
    "page.train.help": "训练一个自己的模型，边学边看每条曲线。",
    "page.problems": "问题",
    "page.problems.help": "门就是为这些任务发明的：看各种循环单元学会它们，或者学不会。",
    "page.open": "打开",
    "page.series": "数列",
    "page.series.help": "让网络学一串数，或你自己的表格，看它的门。",
    "page.open.help": "打开别的程序训练的网络，看它的门。",
    # pages: a model out of a stranger's file
    "open-page.what": "**打开别的程序训练的网络**。带来它的权重，说明它读哪些字符或词，然后看它的门和梯度。",
    "open-page.never-run": "文件里的任何内容都不会运行：只读取张量。这里文件最大 {most:whole MB}，只含权重；整个 PyTorch 模块、Keras 和 "
    "ONNX 文件用 `python -m explorer import` 或在笔记本里打开。",
    "open-page.file": "预测字符或词的 RNN、GRU 或 LSTM 的权重",
    "open-page.size": "{size:kB}",
    "open-page.which-symbols": "这个网络认识 {count:,} 个符号。文件里没有说每个是哪个字符或词：请在上面说明。",
    "open-page.unnamed": "一个文件",
    "open-page.unsaid": "文件可能没有说的内容",
    "open-page.decide": "用这个",
    "open-page.opened": lambda symbols, parameters, **shape: (
        f"{_shape(**shape)}，{symbols} 个符号，{parameters:,} 个参数。"
    ),
    "open-page.see.gates": "看它的门",
    "open-page.see.gradients": "看它的梯度",
    "open-page.account": "**每个张量成了什么**，读自{kind!s}。",
    "open-page.tensor": "张量",
    "open-page.shape": "形状",
    "open-page.became": "成为",
    "open-page.why": "原因",
    "control.symbols": "它读的字符或词",
    "control.symbols.help": "模型只认识编号，很少有文件说明每个编号代表什么。每个都要在正确的位置，否则每个预测都是别的符号。",
    "option.symbols.in-file": "在文件里",
    "option.symbols.printable": "Python 的 string.printable 的 100 个",
    "option.symbols.typed": "在这里输入",
    "option.symbols.learned": "它学过的文本里的",
    "control.problem": "问题",
    "control.problem-length": "文本的字符数",
    "control.problem-cells": "循环单元，最多三种",
    "control.typed-symbols": "按编号顺序的符号",
    "control.typed-symbols.help": "字符连写，按原样；或 JSON 的列表或映射。",
    "control.rule": "怎样编号",
    "option.rule.sorted": "排序",
    "option.rule.frequency": "按频率从高到低",
    "option.rule.folded": "转小写后排序",
    "control.import-reset": "GRU 的重置门作用在哪里",
    "control.import-reset.help": (
        "在与 U 相乘之后，如 PyTorch 和 Keras；或之前，如许多从零开始的程序。权重里看不出来；给出与它学过的相似的文本，两种都会试。"
    ),
    "control.import-objective": "双向模型的目标",
    "control.gate-order": "堆叠权重中门的顺序",
    "control.z-renews": "更新门为 1 时取新状态",
    "control.sample": "与它学过的相似的文本",
    "control.sample.help": "它的困惑度能显示一切是否在正确的位置。",
    "control.import-cell": "它的循环单元",
    "control.import-embedding": "它的嵌入",
    "control.import-head": "它的输出层",
    "control.import-layers": "它的循环层，从输入往上",
    "control.import-leave-out": "不要的内容",
    "option.unsaid": "按文件所说",
    # pages: an altered model
    "page.altered": "**这个模型被改动了**：{changes}。",
    "page.altered.score": "在这段文本上，它的{score}训练时是 {before}，现在是 {after}。",
    "preset.never-forget": "从不忘记",
    "preset.forget-at-once": "立刻忘记",
    "preset.never-reset": "从不重置",
    "preset.plain": "当作普通 RNN",
    "page.altered.restore": "恢复",
    "page.alter": "改动模型",
    "page.alter.about": "权重改变而不重新训练，页面上的一切立刻跟着变。",
    # pages: models
    "page.no-models": "文件夹 checkpoints/ 里应有训练好的模型；没有。请运行 `make checkpoints`。",
    "which.untrained": "未训练的 {kind}",
    "which.own-kind": "同类模型",
    "which.trained": "{name}，迭代周期 {epoch}",
    "which.altered": "{name}，迭代周期 {epoch}，已改动",
    "which.run": "{name} · {id}",
    "which.active-run": "{name}（{status}）",
    "which.unread-run": "任务 · {id}",
    "which.opened": lambda corpus, symbols, **shape: f"{_shape(**shape)}；来自文件 {corpus}，{symbols} 个符号",
    "which.described": _described,
    # pages: what models are called
    "corpus.lighthouse": "《灯塔》",
    "corpus.river-town": "《河镇》",
    "corpus.time-machine": "《时间机器》",
    "label": _label,
    "label.forward": "{cell}",
    "label.bidirectional": "双向 {cell}，完形填空",
    "label.leaky": "双向 {cell}，泄漏答案",
    "label.parallel": "{cell}，两次前向",
    "label.mistake": "错误示例：{cell} · {corpus}",
    "label.named": "{label}（{name}）",
    # pages: links
    "link.named": "链接里的{noun}是“{value}”，{what}。",
    "link.left-out": "这里不能选；已忽略",
    "link.not-here": "这里没有；改为显示 {shown}",
    "choice.problem": "问题",
    "choice.problem-cells": "循环单元",
    "choice.problem-length": "长度",
    "choice.model": "模型",
    "choice.epoch": "迭代周期",
    "choice.layer": "层",
    "choice.net": "网络",
    "choice.hold": "{gate}的值",
    "choice.keep-bias": "偏置的偏移",
    "choice.recurrent": "循环权重的倍数",
    "choice.shown": "“改动后”与“训练时”的选择",
    "choice.unit-held": "固定的单元",
    "choice.read-as": "循环单元的变体",
    "choice.sentence": "句子",
    "choice.order": "单元的顺序",
    "choice.colour": "{token}的颜色",
    "choice.unit": "单元",
    "choice.all-units": "全部单元的选择",
    "choice.temperature": "温度",
    "choice.beside": "第二个模型的种类",
    "choice.kind": "未训练的模型",
    "choice.second": "第二个模型",
    "choice.own-epoch": "第二个模型的迭代周期",
    "choice.second-epoch": "第二个模型的迭代周期",
    "choice.part": "状态的部分",
    "choice.row": "损失",
    "choice.sigma": "奇异值的选择",
    "choice.weights": "权重的选择",
    "choice.theta": "阈值 θ",
    "choice.run": "任务",
    # pages: controls
    "control.model": "模型",
    "control.epoch": "训练的迭代周期",
    "control.epoch.help": "训练这么多迭代周期之后的模型；0 是训练之前。页面上的一切跟着变。",
    "control.layer": "层",
    "control.net": "网络",
    "control.hold": "把{gate}固定在",
    "control.hold.help": "每一步都是，不管读到什么。",
    "control.keep-bias": "移动{gate}的偏置",
    "control.keep-bias.help": "大于 0 时，循环单元保留得更多。",
    "control.recurrent": "循环权重乘以",
    "control.recurrent.help": "乘以全部循环权重 U，不乘偏置。",
    "control.read-as": "把权重读作",
    "control.read-as.help": "同样的权重按另一种约定读，就像把模型搬到另一个库时那样。",
    "control.order": "单元的排序",
    "control.order.help": (
        "按角色：每个单元跟随什么，同样角色的在一起，然后是其余的。按记忆时间或平均：看保留旧状态的门，最大的在上面。"
    ),
    "control.colour": "{token}的颜色表示",
    "control.unit": "跟随一个单元",
    "control.unit.help": "它的全部门和状态单独一行。{token}也可以按它们上色。",
    "control.all-units": "显示全部 {count:,} 个单元",
    "control.temperature": "温度",
    "control.temperature.help": (
        "模型的输出除以温度。为 1 时，每个{token}按模型认为的概率抽取；小于 1 时，可能的更常出现；为 0 时，总取最可能的。"
    ),
    "control.unit-held": "固定一个单元",
    "option.held-unit": "单元 {unit}：{part} 固定在 {value:.2g}",
    "control.shown": "显示",
    "option.altered": "改动后",
    "control.beside": "旁边",
    "control.beside.help": "同一段文本上的第二个模型，坐标轴和颜色相同。未训练：torch 的默认初始化。",
    "control.kind": "种类",
    "control.second": "第二个模型",
    "control.own-epoch": "它的训练迭代周期",
    "control.second-epoch": "它的训练迭代周期",
    "control.part": "梯度在",
    "control.part.help": (
        "LSTM 的状态是 h 和 c 合在一起：到达 h_k 的，会经过 c_k 继续往回。结论总是对整个状态；只看 h，就看不到经过 c 的梯度。"
    ),
    "control.row": "跟踪损失",
    "control.sigma": "每一步的奇异值",
    "control.sigma.help": (
        "每条路径最多能传递多少：该路径最大的奇异值，以及整步从 σ min 到 σ max 的带。每步三次分解：256 个单元时，一句话要几秒。"
    ),
    "control.weights": "逐步看进入哪些权重",
    "control.weights.help": "一个权重在每一步都用到，它的梯度是各步之和。方向一致的地方，全部留在和里；方向不同的地方，互相抵消。",
    "control.theta": "θ",
    "control.source": "文本",
    "control.sentence": "你的句子",
    "control.long-text": "你的文本",
    "control.in-link": "把句子放进链接",
    "control.in-link.help": "地址里总有模型和设置。只有你要求时才有你的话，而且只限一句话：更长的文本或文件只留在这次会话里。",
    "control.uploads": "一个 .txt 文件，或几个（依次连读），总共最多 {most:whole MB}",
    "control.upload": "一个 .txt 文件，最多 {most:whole MB}",
    "control.encoding": "编码",
    "option.free": "自由",
    "option.as-trained": "训练时",
    "option.nothing": "无",
    "option.untrained": "未训练的",
    "option.another": "另一个",
    "option.no-unit": "无",
    "option.sentence": "句子",
    "option.longer": "更长的文本",
    "option.file": "文件",
    "option.recognised": "自动识别",
    # pages: the text
    "page.tokens-differ": (
        "两个模型一个读字符，一个读词。每词的困惑度和每字符的困惑度不能比较，两者的步数也不能：一个词有好几个字符。"
    ),
    "page.tokens-differ.bits": (
        "把意外度除以这段文本的字符数就可以比较：第一个每字符 {first:.2f} 比特，第二个 {second:.2f} 比特。"
    ),
    "page.text.none": "任意长度的文本；分析前 {most:,} 个字符。",
    "page.text.cut": "这段文本有 {length:,} 个字符；分析前 {most:,} 个。",
    "page.text.moved": "它放在这里，因为一句话最多 {most:,} 个字符，而它有 {length:,} 个。",
    "page.text.length": "这段文本有 {length:,} 个字符。",
    "page.text.type": "输入一句话，一切跟着变。",
    "page.text.paste": "粘贴任意长度的文本。",
    "page.file.none": "自己的文件",
    "page.file.named": "{name}，按 {encoding} 读",
    "page.file.read": "{count:,} 个字符，按 {encoding} 读",
    "page.file.remove": "移除文件",
    "page.data-folder": "数据文件夹",
    "page.reading": _being_read,
    # pages: tables to download
    "page.download": "下载数据",
    "page.picture.gone": "这张图已经不在了。按 R 重新画页面。",
    "page.picture.lost": "服务器没有回答。显示的比你输入的旧；继续输入会再问一次。",
    "page.picture.question": '应为 {{"text": "...", "epoch": 8}} 这样的 JSON，其中文本最多 {most:,} 个字符。',
    "page.picture.epoch": "应为迭代周期 {epochs} 之一。",
    "figure.unit": "单元 {unit}",
    "figure.gap": "%{{y}}：{letter} 在这里不是有限数",
    "figure.ghost": "训练时 {name} %{{y:.3~g}}",
    "figure.ghost.running": "训练时 %{{customdata:.4~g}}",
    "figure.guess": "“{character}” {probability:.0%}",
    "figure.expected": "预期 {guesses}",
    "figure.saturated": "单元 {unit}：{letter} 在 {low:.0%} 的步小于 0.1，在 {high:.0%} 的步大于 0.9",
    "figure.closed": "小于 0.1 的步的比例",
    "figure.open": "大于 0.9",
    "panel.play": "播放训练过程",
    "panel.pause": "暂停",
    "panel.epoch": "迭代周期",
    "panel.save": "保存图片为",
    "panel.step": "步",
    "panel.token": "{token}",
    "panel.unit": "单元",
    "panel.closer": "横向拖动：放大",
    "panel.brush": "在一行上拖动：放大；在文本上拖动：找单元",
    "panel.whole": "双击：整段文本",
    "panel.run": "双击：整个训练",
    "panel.infinite": "不是有限数",
    "page.download.gone": "这个下载已经不在了。回到页面，按 R，再按它的按钮。",
    "page.download.busy": "你有 {most} 个下载正在进行。等其中一个结束，再按按钮。",
    "page.download.full": "服务器正在发送的表格已经到了上限。稍等一下，再按按钮。",
    "table.rows": "{rows:rows}",
    "table.long": "{rows:rows}：比电子表格能打开的多，请用 Parquet",
    "table.gates": "每个单元的门",
    "table.steps": "各步",
    "table.surprise": "意外度与困惑度",
    "table.by-epoch": "各迭代周期的困惑度",
    "table.flow": "梯度流",
    "table.flow-steps": "各步的梯度",
    "table.lags": "各间隔的梯度",
    "table.weights": "各步的权重",
    "table.clip": "裁剪明细",
    "table.training": "训练明细",
    # pages: the live curves of a run
    "live.lost": "从 {{since}} 起服务器没有回答；正在再问。已经显示的不会丢失。",
    "live.step": "第 {step:,} 步，共约 {total:,} 步",
    "live.epoch": "第 {epoch:,} 个迭代周期，共 {total:,} 个",
    "live.fault": "第 {step:,} 步不是有限数，共约 {total:,} 步",
    "live.fault-epoch": "在第 {epoch:,} 个迭代周期，共 {total:,} 个",
    "live.place": "排在第 {place} 位，约等 {wait_s:.0f} 秒",
    "live.speed": "每秒 {speed:,.0f} 个{token}",
    "live.left": "约剩 {left_s:.0f} 秒",
    "live.loop": "第 {step:,} 步，其中 {sampled:,} 步仔细看过",
    "live.of-loop": "循环各步的损失、梯度范数、裁剪、份额、门和梯度的可及距离",
    "live.alone": "训练各步的困惑度、梯度范数、裁剪、份额和门",
    "live.together": "所选的任务在同一坐标轴上，编号如表",
    "live.writes": "训练到这里，模型写道：",
    # runs: what makes no sense before one is started
    "complaint.told": "应为{expected}；得到 {got}。",
    "expected.name": "字母、数字、空格和除斜杠与控制字符以外的符号",
    "got.odd-characters": "{characters:names}",
    "expected.at-most-characters": "最多 {most:,} 个字符",
    "got.count": "{count:,}",
    "expected.one-character": "至少一个字符",
    "expected.visible-text": "至少有一个可见字符的文本",
    "got.fields": "第 {line:,} 行有 {count} 个字段，第一行有 {first} 个",
    "got.empty-one": "空文本",
    "expected.plain-text": "纯文本",
    "got.binary-file": "二进制文件：含有 NUL 字符",
    "expected.at-most-bytes": "最多 {most:whole MB}",
    "got.bytes": "{size:MB}",
    "expected.two-tokens": "至少两种不同的{token}",
    "got.one-token": "只有 {symbol!r}",
    "expected.two-characters": "至少两种不同的字符",
    "got.one-character": "只有 {character!r}",
    "expected.held-out-share": "从 0 到 0.5 的数",
    "expected.a-full-batch": "至少 {least:,} 个{token}，才能填满 {rows:,} 行、{steps:,} 步的小批量",
    "expected.at-most-weights": "最多 {most:,} 个权重的模型",
    "got.weights": "{count:,}（{units} 个单元，层数：{layers}，{symbols:,} 个符号）",
    "expected.fewer-characters": "更少种类的{token}",
    "got.too-many-characters": "{count:,} 种，对检查点来说太多",
    "expected.step-in-memory": "最多需要 {most:whole GB} 内存的一步",
    "got.step-of": "约 {size:GB} 的一步",
    "expected.at-most-updates": "最多 {most:,} 次权重更新，这是本服务器的上限",
    "got.about": "约 {count:,} 次",
    "expected.field-of": "{kind} 的一个字段",
    "got.no-such-name": "没有任何字段叫这个名字",
    "advice.cut": "请截短再试。",
    "advice.nothing-to-learn": "没有可学的内容。",
    "advice.longer-text": "请用更长的文本、更小的批量或更少的步。",
    "advice.fewer-units": "请用更少的单元。",
    "advice.smaller-step": "请用更小的批量、更少的步或更少的单元。",
    "advice.fewer-epochs": "请用更少的迭代周期。",
    # runs
    "run.said": "{said}",
    "run.unknown": "没有这个编号的任务；可能已被删除。",
    "run.half-character": "应为完整的字符；得到半个（单独的代理项）。",
    "run.text-damaged": (
        "这个任务的文本已损坏：SHA-256 应为 {expected}...；得到 {got}...。用同一段文本开始一个任务就能修好它，然后这个任务可以继续。"
    ),
    "run.unreadable": (
        "这个任务读不出来：它的 {column} 在存储中已损坏。其他任务不受影响。需要的话先保存它剩下的设置，然后删除这个任务。"
    ),
    "run.damaged": "这个任务的 {what} 读不出来：在存储中已损坏。",
    "run.files-lost": "这个任务结束了，它的文件没能保留。",
    "run.files-kept": "这个任务在第 {epoch} 个迭代周期结束；它的权重保留在它的文件夹里。",
    "run.too-many": "一个浏览器最多 {most} 个任务；请先删除一个。",
    "run.too-large": "你的任务在这台服务器上占 {held:,.0f} MB，一个浏览器最多 {most:,} MB。请先删除一个。",
    "run.no-room": "这台服务器的任务已占满允许的空间。等有些被删除后再试。",
    "run.setting": "{name}：应为至少 {least} 的整数；得到 {got!r}。",
    "run.without-a-word": "它的进程没有留下话就结束了。“继续”会从上次保存的地方接着走。",
    "run.unheard": "超过 {seconds} 秒没有它的进程的消息，当作已经结束。“继续”会从上次保存的地方接着走。",
    "run.not-answering": (
        "它的进程（{pid}）还在，但超过 {seconds} 秒没有回答：它被暂停，或者机器在休眠或很忙。它回答时任务会继续；要放弃，请结束那个"
        "进程，再按“继续”。"
    ),
    "run.not-waiting": "应为等待中的任务；这个是{status}。",
    "run.not-resumable": "应为{allowed:names}的任务；这个是{status}。",
    "run.too-many-active": "一次会话最多 {most} 个运行或等待的任务；请先停止一个。",
    "run.terminated": "它的进程被要求结束。“继续”会从原处接着走。",
    "run.server-closed": "服务器关闭了。“继续”会从原处接着走。",
    "run.anew": "“继续”会从第一步重新训练，曲线相同，并替换它的模型：想保留现在的模型，请先下载。",
    "run.too-long": "在 {seconds:,} 秒后停止，这是本服务器的上限。",
    "run.failed": "训练失败：{why}",
    "run.unseen": "训练继续；应用不显示它。",
    "disk.full": "数据文件夹所在的磁盘已满；没有写到一半的内容。请腾出空间再试。",
    "disk.damaged": "数据文件夹里的 runs.sqlite 已损坏（{reason}）。请移走它，或设置 GATE_EXPLORER_DATA。",
    "disk.busy": "任务正被另一个进程占用而不放开。请再试。",
    "disk.refuses": "数据文件夹无法读或写（{reason}）。请把 GATE_EXPLORER_DATA 设为可以读写的文件夹。",
    "disk.where": "数据文件夹是 {folder}。",
    "store.gone": "程序运行时，任务的文件被删除或移走了。请放回去，或重新启动：那时会新建一个。",
    "store.replaced": "程序运行时，任务的文件被另一个替换了。",
    "store.format": "应为格式 {format} 的任务；数据文件夹里的是格式 {got}。请用 GATE_EXPLORER_DATA 选另一个文件夹。",
    "run-state.unusable": "这个任务保存的状态 {name} 不能用。{why}",
    "run-state.no-file": "应为文件；那里是文件夹或设备。",
    "run-state.nothing": "应为文件；那里什么也没有。",
    "run-state.too-large": "最多 {most:MB}；它更大。",
    "run-state.checksum": "最后的字节应为其余内容的 SHA-256；它已损坏，或是另一个版本写的。",
    "run-state.metadata": "应有元数据 {names:names}；得到别的。",
    "run-state.place": "训练的位置应为文本；得到别的内容。",
    "run-state.last-tensor": "最后 {size} 个字节应为张量 {name}；不是。",
    "run-state.of-another": "应为这个任务的 {key} 的状态，{own!r}；得到 {got!r}。",
    # runs: the statuses, and what leads from one to the next
    "status.waiting": "等待中",
    "status.waiting.means": "排队等待训练进程",
    "status.running": "运行中",
    "status.running.means": "正在训练",
    "status.stopping": "正在停止",
    "status.stopping.means": "已要求它停止",
    "status.finished": "已完成",
    "status.finished.means": "全部迭代周期都训练了",
    "status.stopped": "已停止",
    "status.stopped.means": "被主人或上限停止",
    "status.interrupted": "被中断",
    "status.interrupted.means": "它的进程或服务器结束了",
    "status.diverged": "已发散",
    "status.diverged.means": "损失、梯度或权重不是有限数",
    "status.failed": "失败",
    "status.failed.means": "被错误停止，或保存的状态不能用",
    "status.deleted": "已删除",
    "event.claim": "训练进程接手",
    "event.stop": "主人停止它",
    "event.end": "训练进程报告怎样结束",
    "event.die": "训练进程没有报告就结束，或在无法检查的机器上沉默太久",
    "event.answer": "训练进程回答，包括已被当作不在的",
    "event.resume": "主人继续它",
    # runs: the settings, as the form and the tables call them
    "setting.cell": "循环单元",
    "setting.cell.help": "普通的（rnn）、有门的（gru、mingru），或有门且有自己的记忆元的（lstm）。",
    "setting.reset": "重置门作用",
    "setting.reset.help": "GRU 的重置门在哪里作用于状态：矩阵乘积之后（cuDNN、torch）或之前（Cho、d2l）。",
    "setting.activation": "激活函数",
    "setting.activation.help": "普通 RNN 对它的和做什么：tanh 和 sigmoid 压缩它，relu 在 0 处截断，linear 不改变。",
    "setting.hidden-size": "单元数",
    "setting.hidden-size.help": "每个网络的状态的宽度。",
    "setting.num-layers": "层数",
    "setting.num-layers.help": "每层读下面一层的状态。",
    "setting.direction": "方向",
    "setting.direction.help": "forward：一个网络。bidirectional：两个网络，各从一端读起。parallel：两个都向前读的网络。",
    "setting.objective": "目标",
    "setting.objective.help": "next：预测下一个{token}。cloze：从两边预测每个{token}。leaky：一个已知的错误，留作示范。",
    "setting.init": "初始权重",
    "setting.init.help": "torch：它的默认值。normal：N(0, 0.01)。chrono：一开始就分散记忆时间。orthogonal、identity：循环权重。",
    "setting.seed": "随机种子",
    "setting.seed.help": "初始权重和小批量的种子。同样的种子得到逐位相同的训练。",
    "setting.bias": "偏置",
    "setting.bias.help": "每个门两个，如 torch；一个，如书中从零开始的单元（normal 用它）；或没有。",
    "setting.keep-bias": "保留旧状态的门的偏置",
    "setting.keep-bias.help": "开始时加到遗忘门（LSTM）或更新门（GRU）的偏置上；通常是 1。",
    "setting.chrono-t-max": "chrono 的最长记忆",
    "setting.chrono-t-max.help": "初始权重 chrono 所针对的最长记忆，以{token}计。",
    "setting.embedding-size": "嵌入",
    "setting.embedding-size.help": "每个符号学到的向量的宽度。0：独热。",
    "setting.hidden-size-backward": "第二个网络的单元数",
    "setting.hidden-size-backward.help": "0：与第一个网络一样多。",
    "setting.hidden-sizes": "每层的单元数",
    "setting.hidden-sizes.help": "例如两层写 64, 32。空：每层相同。",
    "setting.optimizer": "优化器",
    "setting.optimizer.help": "SGD 原样使用裁剪后的梯度。Adam 为每个权重重新缩放。",
    "setting.learning-rate": "学习率",
    "setting.learning-rate.help": "用 SGD 时，一步的长度是它乘以裁剪后的梯度范数。",
    "setting.clip-norm": "裁剪阈值 θ",
    "setting.clip-norm.help": "范数大于 θ 的梯度缩小到 θ。",
    "setting.batch-size": "批量大小",
    "setting.batch-size.help": "并排读的文本行数。",
    "setting.num-steps": "每批步数",
    "setting.num-steps.help": "梯度在一行上往回传的{token}数。",
    "setting.epochs": "迭代周期",
    "setting.epochs.help": "把文本读多少遍。",
    "setting.token": "一步读什么",
    "setting.token.help": (
        "词是空格之间的部分；标点和换行各是一个词，每个汉字也是一个词。词的种类很多：32 或 64 维的嵌入会让模型更小、更快。"
    ),
    "setting-value.character": "一个字符",
    "setting-value.word": "一个词",
    "setting.max-tokens": "使用的{token}数",
    "setting.max-tokens.help": "只用文本的前这么多{token}。0：全部。",
    "setting.backward-batches": "梯度往回跨几个批量",
    "setting.backward-batches.help": (
        "1：每个批量之前都把状态从计算图上切下来（`detach`），和书里一样。更多：每一步都重读前面的批量，梯度传得更远；"
        "跨八个批量的一步大约慢五倍。"
    ),
    "expected.no-cut-backward": "不截断：从末尾读起的网络在每个批量里都重新开始",
    "expected.batches-that-follow": "随机采样时为 1：只有顺序采样的批量才一个接着一个",
    "setting.sampling": "采样",
    "setting.sampling.help": "sequential 把状态从一批带到下一批；random 每批都从零状态开始。",
    "setting.clips": "裁剪梯度",
    "setting.clips.help": "关闭：测量范数，但不缩小。",
    "setting.random-offset": "随机偏移",
    "setting.random-offset.help": "每个迭代周期从不同的{token}开始。",
    "setting.held-gate": "固定一个门",
    "setting.held-gate.help": "从第一步起固定，也不训练：r 固定在 1，GRU 只有更新门；z 固定在 0，只有重置门。",
    "setting.held-at": "固定在",
    "setting.held-at.help": "从 0 到 1。",
    "setting.corpus": "语料",
    "setting.text": "语料",
    "setting.newlines-to-blanks": "换行变为空格",
    "setting.newlines-to-blanks.help": "如书中处理歌词：每个换行读作空格。",
    "setting.name": "任务名称",
    "setting.sentence": "你的句子",
    "setting-value.own-text": "自己的文本",
    "setting-value.own-file": "自己的文件",
    "setting-value.as-init": "由初始权重决定",
    "setting-value.no-gate": "无",
    "expected.gate-with-bias": "有偏置的模型的门：固定的门就是一个偏置",
    "setting-value.before": "乘积之前",
    "setting-value.after": "乘积之后",
    "setting-value.forward": "从头读起",
    "setting-value.bidirectional": "双向",
    "setting-value.parallel": "两个网络都从头读起",
    "setting-value.next": "下一个",
    "setting-value.leaky": "下一个（已经看到）",
    "setting-value.cloze": "中间的空格",
    "setting-value.torch": "torch 的默认",
    "setting-value.normal": "正态分布",
    "setting-value.orthogonal": "正交矩阵",
    "setting-value.identity": "单位矩阵",
    "setting-value.sequential": "顺序采样",
    "setting-value.random": "随机采样",
    "setting-value.sgd": "SGD",
    "setting-value.adam": "Adam",
    "run.summary": _trains,
    "run.made-name": _made_name,
    # pages: the form of a new run
    "run-form.start": "开始",
    "run-form.recipes": "配方",
    "run-form.recipes.help": "填好设置。d2l-v2、d2l-zh-v1：如书中所用。quick：几秒钟得到一个好模型。",
    "run-form.fix-first": "开始前请改正：{fields:names}。",
    "run-form.own-text": "自己的文本",
    "run-form.sentence": "你的句子，边学边看",
    "run-form.any-sentence": "用语料的文字或词写的句子",
    "run-form.optional": "可不填",
    "run-form.model": "模型",
    "run-form.training": "训练",
    "run-form.more": "更多",
    "run-form.longest-step": "可能的最长一步：学习率 × θ = {length:g}。",
    # figures: a run's curves, its sentence over training, and its tables
    "loop.layer": _layer,
    "loop.about": "你自己的循环：{layers:sentences}。",
    "loop.ended": "，{step:,} 步",
    "loop.in-time": (
        "**第 {step:,} 步的内部**，这是最近一次仔细看的。每个门从序列的第一个时间步到最后一个：线是对单元和行取的平均，带里有五分之四的值。"
        "下面是损失还有多少依赖每个时间步的状态。"
    ),
    "loop.by-lag": (
        "**一个损失能回到多远**。在第 {step:,} 步，从它产生的时间步单独往回跟踪它的梯度：早这么多步的地方还剩多少。"
    ),
    "loop.alt.in-time": "序列每个时间步的门和梯度范数",
    "loop.alt.by-lag": "损失的梯度在往回若干步后剩下的份额",
    "loop-figure.loss": "损失（自己的单位）",
    "loop-figure.gates": "{net:net}的门",
    "loop-figure.horizon": "损失的可及距离：剩 1 % 之前的步数",
    "loop-figure.time-step": "时间步",
    "loop-figure.light": "1 表示{light}",
    "loop-figure.tenth": "十分之一在它之下",
    "loop-figure.nine-tenths": "十分之一在它之上",
    "loop-figure.gradient": "损失在状态处的梯度，‖dL/dh_t‖{where}",
    "loop-figure.all-of-it": "全部",
    "loop-figure.local": "来自这一步自己的输出",
    "loop-figure.lag": "往回的步数",
    "loop-figure.left": "剩下的梯度份额",
    "loop-figure.half": "一半",
    "loop-figure.hundredth": "百分之一",
    "loop-figure.net": "{net:net}",
    "numbers.sine": "正弦曲线",
    "numbers.adding": "加法问题",
    "numbers.waves": "是哪种波",
    "numbers.own-table": "自己的表格",
    "control.numbers": "学什么",
    "control.numbers.help": (
        "未知周期的正弦：说出下一个值。加法问题：许多数中有两个做了记号，最后说出它们的和。是哪种波：噪声下的正弦波、方波或锯齿波，最后说出种类。或自己的 "
        "CSV 表格：提前若干行说出某一列的数或词。"
    ),
    "control.numbers-cell": "循环单元",
    "control.numbers-units": "单元数",
    "control.numbers-length": "序列的时间步数",
    "control.numbers-steps": "训练步数",
    "control.numbers-target": "要说出的列",
    "control.numbers-columns": "要读的列",
    "control.numbers-horizon": "提前多少行",
    "control.numbers-rate": "学习率",
    "control.numbers-theta": "裁剪梯度的阈值",
    "option.no-clipping": "不裁剪",
    "choice.numbers-rate": "学习率",
    "choice.numbers-theta": "裁剪阈值",
    "choice.numbers": "任务",
    "choice.numbers-target": "要说出的列",
    "choice.numbers-horizon": "提前的行数",
    "choice.numbers-cell": "循环单元",
    "choice.numbers-units": "单元数",
    "choice.numbers-length": "序列长度",
    "choice.numbers-steps": "训练步数",
    "choice.numbers-unit": "单元",
    "control.numbers-unit": "跟随一个单元",
    "series-page.what": (
        "一个小型网络一步一步地读数，并说出其中一个。下面：它读到什么、说了什么、门同时做了什么，用的是它没有学过的数。"
    ),
    "series-page.file": "CSV 表格：每行一个时刻，最早的在前",
    "series-page.gaps": "这些列有缺数的行，没有使用：{columns:names}。",
    "series-page.gap": "{name}（{count:,} 行）",
    "series-page.no-numbers": "至少要有一列全是有限数；表格的列是 {columns:names}。请去掉有空缺的行，或补上。",
    "series-page.learning": "正在学：第 {step:,} 步，共 {total:,} 步",
    "series-page.better": "它说出 *{target}* 的误差约为 **{error}**（均方根误差，用没有学过的数）。{who}是 {guess}。",
    "series-page.alike": "它几乎没有学会说出 *{target}*：均方根误差是 **{error}**。{who}是 {guess}。",
    "series-page.worse": ("它说出 *{target}* 比什么都不懂的人还差：均方根误差是 **{error}**。{who}是 {guess}。"),
    "series-page.better-classes": "没有学过的，它说对 *{target}* 的比例是 **{error}**。{who}说对 {guess}。",
    "series-page.alike-classes": "它几乎没有学会说出 *{target}*：没有学过的，说对 **{error}**。{who}说对 {guess}。",
    "series-page.few-classes": (
        "没有学过的，它说对 *{target}* 的比例是 **{error}**。{who}说对 {guess}。"
        "这还不足以判断它是否学会了：答案太少，或几乎都是同一类。"
    ),
    "series-page.worse-classes": "它说出 *{target}* 比什么都不懂的人还差：没有学过的，说对 **{error}**。{who}说对 {guess}。",
    "series-page.changed-classes": "没有学过的，它说对 *{target}* 的比例是 **{error}**。{who}说对 {guess}。",
    "series-page.altered-classes": "改动：{changes}。训练好的原样，说对 {error}。",
    "series-page.who.usual": "总是说最常见类别的人",
    "series-page.alike.advice": "请让它学得更久。",
    "series-page.beyond.advice": (
        "要它说出的数大多超出了它学过的范围，而没有网络能说出从未见过的：请让它说出这一列从一行到下一行的变化。"
    ),
    "series-page.worse.advice": "请让它学得更久，或用更少的单元。",
    "series-page.changed": "它说出 *{target}* 的误差约为 **{error}**（均方根误差，用没有学过的数）。{who}是 {guess}。",
    "series-page.who.mean": "总是说平均值的误差",
    "series-page.who.stays": "总是说“保持不变”的误差",
    "series-page.flow": "**每个损失能回到多远**。一行是一步的损失，一列是它到达的状态；亮表示梯度大。",
    "series-page.flow-of-one": "**损失能回到多远**。它在每个较早状态处的梯度；只在一步上有损失。",
    "series-page.altered": "改动：{changes}。训练好的原样，误差在 {error} 以内。",
    "series-page.reach": _reach_of_numbers,
    "series-page.learned": "**它怎样学会**。{steps:,} 步，{seconds:.1f} 秒。",
    "series-page.alt.learning": "训练各步的损失和梯度范数",
    "series-page.alt.tape": "网络读到什么、说了什么，以及每一步的门",
    "series-page.alt.flow": "每一步的损失在每个较早状态处的梯度",
    "table.series": "各步的数与门",
    "expected.csv": "CSV 表格",
    "numbers.value": "值",
    "numbers.next-value": "下一个值",
    "numbers.number": "数",
    "numbers.mark": "记号",
    "numbers.sum": "有记号的数之和",
    "numbers.kind": "波的种类",
    "numbers.kind.sine": "正弦波",
    "numbers.kind.square": "方波",
    "numbers.kind.saw": "锯齿波",
    "series-figure.read": "读到：",
    "series-figure.read-scaled": "读到，各从最低到最高：",
    "series-figure.more": "以及另外 {count} 列",
    "series-figure.told": "说出",
    "series-figure.true": "真实",
    "series-figure.classes": "概率：",
    "series-figure.more-classes": "以及另外 {count} 类",
    "series-figure.true-class": _true_class,
    "series-figure.loss": "这个序列每一步的{score}",
    "series-figure.guess": "总是说平均值",
    "series-column.label": "标签",
    "series-column.told": "{name}（说出）",
    "series-column.true": "{name}（真实）",
    "series-column.true-class": "真实类别",
    "series-column.mean": "{letter} 的平均，第 {layer} 层，{direction:way}",
    "figure.step": "步",
    "figure.at-step": "第 %{{x:d}} 步：",
    "figure.at-lettered-step": "第 %{{x:d}} 步“%{{x}}”：",
    "figure.units": "{count} 个单元",
    "figure.state-ends": "暗 −1，亮 +1",
    "figure.gate-ends": "亮：{light}，暗：{dark}",
    "figure.unit-alone": "<b>单元 {unit}</b> 单独{where}",
    "figure.role": "<b>单元 {unit}，{place}</b>",
    "figure.mean-of": "{letter} 的平均",
    "figure.gradient": "梯度",
    "figure.layer": "第 {layer} 层，{reads}",
    "figure.ends": "暗 {low}，亮 {high}",
    "figure.sigma-max": "各路径的 <b>σ max</b>：",
    "figure.slope": "斜率 {slope}",
    "figure.of-squares": "占 ‖g‖² 的 {share}",
    "figure.before": "之前",
    "figure.after": "之后",
    "language.en": "English",
    "language.zh": "中文",
    "control.lang": "语言",
    "choice.lang": "语言",
    "curve.loss": "损失",
    "curve.training": "训练",
    "curve.held-out": "留出",
    "curve.sentence": "你的句子",
    "curve.blind-guess": "随便猜",
    "curve.by-frequency": "按频率猜",
    "curve.before": "之前",
    "curve.after": "之后",
    "curve.theta": "θ",
    "curve.not-finite": "第 {step:,} 步不是有限数",
    "curve.coefficient": "系数",
    "curve.steps-clipped": "被裁剪的步",
    "curve.mean": "{letter} 的平均",
    "curve.saturated": "{letter} 饱和",
    "run-figure.norms": "梯度范数",
    "run-figure.clipping": "裁剪",
    "run-figure.shares": "范数平方的份额",
    "run-figure.gates": "你的句子上的门{where}",
    "run-figure.layer": "第 {layer} 层",
    "run-figure.step": "步",
    "run-column.step": "步",
    "run-column.epoch": "迭代周期",
    "run-column.nll": "负对数似然（奈特）",
    "run-column.perplexity": "困惑度",
    "run-column.norm-before": "裁剪前的梯度范数",
    "run-column.norm-after": "裁剪后的梯度范数",
    "run-column.clip-coefficient": "裁剪系数",
    "run-column.speed": "每秒字符数或词数",
    "run-column.loss": "损失",
    "run-column.threshold": "裁剪阈值",
    "run-column.net": "网络",
    "run-column.half-life": "半衰期（步）",
    "run-column.horizon": "可及距离（步）",
    "run-column.share": "{parameter} 的份额",
    "run-column.clipped": "被裁剪的比例",
    "run-column.held-out": "留出",
    "run-column.sentence": "句子",
    "run-column.mean": "{letter} 的平均{where}",
    "run-column.saturated": "{letter} 饱和{where}",
    "run-column.run": "任务",
    "run-column.status": "状态",
    "run-column.setting": "设置",
    "run-column.value": "值",
    "setting.held-out-share": "留出比例",
    "setting.digest": "文本（SHA-256）",
    # figures: surprise along a text, and the score by epoch
    "score-figure.running": "累计{score}",
    "score-figure.bar": "第 {step} 步：意外度 {bits} 比特",
    "score-figure.surprise": "意外度（比特）",
    "score-figure.mean": "累计平均",
    "score-figure.bits": "比特",
    "score-figure.step": "步",
    "score-figure.token": "{token}",
    "score-figure.surprise-by-frequency": "按频率猜的意外度（比特）",
    "score-figure.surprise-of-a-guess": "随便猜的意外度（比特）",
    "score-figure.epoch": "迭代周期",
    "score-figure.at-epoch": "迭代周期 {epoch}：{score}",
    # pages: a run, and the list of runs
    "run-form.about": "按“开始”，看模型学习。关掉页面，训练照样继续；它的链接能再找到它。",
    "run-page.stop": "停止",
    "run-page.resume": "继续",
    "run-page.download": "下载",
    "run-page.new": "新任务",
    "run-page.see.gates": "看它的门",
    "run-page.see.gradients": "看它的梯度",
    "run-page.too-early": "现在评判它的训练还太早。",
    "run-page.too-short": "它训练得太短，无法评判。",
    "run-page.nothing-so-far": "到现在它的训练没有明显的问题。",
    "run-page.nothing-stands-out": "它的训练没有明显的问题。",
    "run-page.was-deleted": "这个任务已被删除。一天之内可以恢复。",
    "run-page.restore": "恢复",
    "run-page.not-yours": "你是通过链接打开这个任务的。只有开始它的浏览器能停止、继续或删除它。",
    "run-page.settings": "这个任务的设置",
    "run-page.broke-off": "在第 {step:,} 步，{epoch}",
    "run-page.sentence": "训练过程中你的句子。",
    "run-page.play-gate": "按“播放”，看保留旧状态的门怎样成形。",
    "run-page.play-state": "按“播放”，看状态怎样成形。",
    "run-page.alt.sentence": "所选迭代周期之后，模型怎样读这个句子",
    "run-page.yours": "你的任务",
    "run-page.all": "全部 {count} 个任务",
    "run-page.save": "保存",
    "run-page.delete": "删除",
    "run-page.open": "打开",
    "run-page.more": "更多",
    "run-page.name": "名称",
    "run-page.rename": "改名",
    "run-page.deleted": "任务已删除。",
    "run-page.undo": "撤销",
    "run-page.compare": "在同一坐标轴上比较",
    "run-page.compared": "{name} · {id}（{status}）",
    "run-page.differ": "它们的不同之处：{settings:names}。",
    "run-page.same": "它们的设置相同。",
    "table.loop-samples": "仔细看过的步",
    "table.run-steps": "任务的各步",
    "table.run-epochs": "任务的各迭代周期",
    "table.run-settings": "设置",
    # the command line
    "cli.no-such-text": "应为 {names:names} 之一或文本文件；没有文件 {got!r}。",
    "cli.choose-encoding": "{why!s}在命令行：--encoding '{encoding}'。",
    "cli.not-read": "无法读取 {path}：{reason!s}。",
    "cli.read-as": lambda name, encoding, notes: "".join((f"{name}：按 {encoding} 读。", *map(str, notes))),
    "cli.not-an-output": "--output：应为以 .safetensors 结尾的文件名；得到 {name!r}。",
    "cli.training": "在 {corpus} 上训练 {cell}",
    "cli.step": "困惑度 {perplexity:.2f}  |g| {before:.3g} -> {after:.3g}  每秒 {speed:,.0f} 个{token}",
    "cli.stopped": "在第 {epoch} 个迭代周期之后停止。已学到的都保留。",
    "cli.wrote": lambda path, size, epochs: f"写入 {path}（{size / 1e6:.1f} MB，{epochs:,} 个迭代周期）。",
    "cli.help": "命令行上的门控浏览器。",
    "cli.json": "写 JSON，供程序读取。",
    "cli.no-such-model": "应为 .safetensors 文件或 {names:names} 之一；没有 {got!r}。",
    "cli.wrote-table": "写入 {path}（{rows:,} 行）。",
    "cli.wrote-picture": "写入 {path}。",
    "cli.not-a-table": "{path} 不是能读的表格：{reason}",
    "cli.not-a-table-name": "应为以 .csv 或 .parquet 结尾的文件名；得到 {name!r}。",
    "cli.trace.help": "显示 MODEL 读 TEXT 时门做了什么。MODEL 是文件，或自带模型的名字。",
    "cli.trace.csv": "把每一步写成表格。",
    "cli.trace.html": "把图写成浏览器页面。",
    "cli.traced": lambda title, steps, score, value: (
        f"{title}，{steps:,} 步" + (f"，{score} {value:.3f}" if value is not None else "")
    ),
    "cli.traced-gate": "{title}：平均 {mean:.3f}，饱和 {saturated:.1%}",
    "cli.traced-proof": "按公式重新计算，状态最多相差 {residual:.1e}。",
    "cli.diagnose.help": "在一段文本上评判 MODEL，或用 --csv 评判梯度范数的记录。退出码 3 表示有问题。",
    "cli.diagnose.text": "用来评判的文本；不给时用它自己语料的前 2,000 个字符。",
    "cli.diagnose.csv": "每步一行的表格：一列梯度范数，可以还有损失。",
    "cli.diagnose.max-norm": "裁剪阈值，在没有这一列时给出。",
    "cli.diagnose.column": "表中含有梯度范数的那一列，如果它的名字不常见。",
    "cli.diagnose.one-of": "应给出 MODEL 或 --csv 之一。",
    "cli.diagnose.needs-text": "{corpus} 不随项目提供：请用 --text 给出文本。",
    "cli.runs.help": "应用、命令行和你自己的循环的任务。",
    "cli.runs.list": "列出它们，最新的在前。",
    "cli.runs.show": "显示 RUN（编号或名称）：它的设置、结论和最后几步。",
    "cli.runs.export": "把 RUN 的每一步写到 FILE，.csv 或 .parquet。",
    "cli.runs.delete": "删除 RUN。应用在一天之内可以恢复它。",
    "cli.runs.line": "{id}  {status:<11} 第 {step:>7,} 步  {kind:<4}  {name}",
    "cli.runs.empty": "还没有任务。",
    "cli.runs.deleted": "已删除 {name}。",
    "cli.runs.none": "没有任务 {named!r}；`runs list` 列出现有的。",
    "cli.runs.several": "有几个任务都叫 {named!r}：{ids:names}。请给出编号。",
    "cli.data.help": "任务的文件夹，代替 $GATE_EXPLORER_DATA 或通常的位置。",
    "cli.app.help": "提供应用。其余选项交给 Streamlit，例如 `--server.port 8600` 或 `--server.address 0.0.0.0`。",
    "cli.processes.help": "应答的进程数，各用一个核（Linux）。不给时：只供本机时一个；供他人时每核一个，至多 4 个。",
    "cli.processes.linux": "多个进程需要 Linux。",
    "cli.processes.certificate": ("多个进程不能使用服务器自己的证书（server.sslCertFile）：请把它交给前面的代理。"),
    "cli.processes.address": "无法使用该地址：{reason}（{address}）。",
    "cli.serving": "在 {address} 提供服务，共 {number} 个进程。Ctrl-C 结束。",
    "cli.train.help": "训练一个模型，写成检查点。Ctrl-C 提前停止，并保存已有的。",
    "cli.corpus.help": "{names:names}，或一个文本文件。",
    "cli.encoding.help": "文本文件的编码，例如 UTF-8、GB18030 或 latin-1。不给时自动识别。",
    "cli.seed.help": "初始权重和小批量的种子。",
    "cli.output.help": "要写的 .safetensors 文件。",
    "cli.newlines-to-blanks.help": "把每个换行读作空格，如书中处理歌词。",
    "cli.no-clip.help": "测量梯度的范数，但不裁剪。",
    "cli.import.help": (
        "打开别人的模型（PyTorch、Keras、ONNX、safetensors 或 npz），说明它的每个张量是什么，写成本程序的检查点。文件里的任何内容都不会运行。"
    ),
    "cli.import.vocabulary": "按编号顺序列出符号的 JSON 或文本文件；有 --rule 时，是训练所用的文本。",
    "cli.import.sample": "{names:names}，或与训练文本同类的文本文件：显示它的困惑度。",
    "cli.import.layers": "循环层的前缀，从输入往上，用逗号隔开。",
    "cli.import.leave-out": "不要的张量的名字开头。可以给出多次。",
    "cli.import.rule": "文本的字符怎样编号。",
    "cli.import.cell": "是哪种循环单元；不给时由形状判断。",
    "cli.import.reset": "GRU 的重置门作用在哪里。",
    "cli.import.activation": "普通循环网络的激活函数。",
    "cli.import.objective": "双向模型训练的目标。",
    "cli.import.gate-order": "文件中堆叠的门的字母，例如 zrn 或 ifog。",
    "cli.import.z-takes": "在这个 GRU 里，更新门为 1 时取候选，而不是保留旧状态。",
    "cli.import.embedding": "嵌入张量的名字。",
    "cli.import.head": "输出权重的名字。",
    "cli.import.wrote": "写入 {path}（{size:MB}）。",
    # the door
    "door.host": (
        "应为这台服务器的主机名；得到 {host!r}。运行它的人可以用 --server.allowedHosts 添加名字（docs/serving.md）。"
    ),
    "door.files-coming": "一次最多 {most} 个文件；请等它们到达。",
    "door.files-full": "服务器保存的文件已到上限。几分钟后再试。",
    "door.file-too-large": "文件最多 {most:whole MB}；这个更大。",
    "door.file-late": "文件应在 {seconds:.0f} 秒内到达。",
    # pages: gates
    "card.mean": "{gate} 的平均",
    "card.mean-no-gate": "门的平均",
    "card.saturated": "{gate} 饱和",
    "card.saturated-no-gate": "饱和",
    "card.mean.help": _MEAN,
    "card.mean-no-gate.help": _MEAN,
    "card.saturated.help": _SATURATED,
    "card.saturated-no-gate.help": _SATURATED,
    "card.memory": "记忆 τ",
    "card.memory.help": "保持最久的单元只凭这个门（只算复制路径）把状态保留到 1/e 的步数。",
    "card.score-next": "困惑度",
    "card.score-next.help": "这段文本的平均意外度取 exp。第一个{token}没有被预测，不计在内。",
    "card.score-cloze": "伪困惑度",
    "card.score-cloze.help": "每个{token}都由它前面和后面的全部内容预测，所以不能与向前读的模型的困惑度比较。",
    "card.score-leaky": "泄漏分数",
    "card.score-leaky.help": "不是困惑度：这个模型通过从末尾读起的网络，已经读过要它预测的{token}。",
    "card.as-trained": "训练时 {value}",
    "gate-page.proof": ":material/verified: 画出的每个门都用 float64 重新计算过：状态最多相差 {residual:.0e}。",
    "gate-page.proof.help": (
        "对所有单元和步，按公式用 float64 算出的状态与 {kernel} 的状态（它读了文本，图上的门就是它的）之间最大的差。约 1e-06 以内是 "
        "float32 的舍入。"
    ),
    "order.memory": "记忆时间",
    "order.mean": "平均",
    "order.index": "编号",
    "order.role": "角色",
    "order.response": "相似的反应",
    "gate-figure.strip-surprise": "意外度",
    "gate-figure.mean": "{letter} 的平均",
    "gate-figure.of-unit": "单元 {unit} 的 {letter}",
    "gate-figure.change": "状态变化",
    "gate-figure.rms": "每个单元的均方根",
    "gate-figure.unnamed": "不计入：模型没有对应的输出",
    "gate-figure.unasked": "没有预测：它前面什么也没有",
    "gate-figure.not-finite": "{name}在这里不是有限数",
    "gate-figure.more-than-guess": "，比随便猜还多",
    "gate-figure.unknown-here": "；模型不认识，读作 {symbol}",
    "gate-figure.unknown": "模型不认识",
    "gate-figure.more": "更多",
    "gate-figure.learned": "与它学过的逐字相同",
    "gate-figure.ends": "暗 {low}，亮 {high}",
    "gate-figure.means": "单元的平均和中间 80 %",
    "flow-figure.reached": "到达的状态所在的步",
    "flow-figure.used": "用到它的步",
    "flow-figure.loss": "从第 {step} 步读出的损失",
    "flow-figure.second": "第二个前向",
    "flow-figure.no-path-before": "没有路径：损失不依赖<br>读出它的那一步之前的状态",
    "flow-figure.no-path-after": "没有路径：损失不依赖<br>读出它的那一步之后的状态",
    "flow-figure.no-loss": "第 {step} 步没有读出损失",
    "flow-figure.mean-loss": "（平均损失）",
    "flow-figure.cut": "训练时计算图在这一步<br>与损失之间被切断",
    "flow-figure.zero": "没有梯度到达，恰好为 0",
    "flow-figure.not-finite": "梯度不是有限数",
    "flow-figure.none": "没有梯度到达",
    "flow-figure.gradient": "梯度 {norm}",
    "flow-figure.undefined": "梯度在这里没有定义",
    "flow-figure.loss-of": "“{character}”的损失",
    "flow-figure.step": "第 {step} 步",
    "flow-figure.limit": "它的 1 %",
    "flow-figure.leaves": "往回一步剩下的",
    "flow-figure.leaves-uncut": "往回一步剩下的（没有截断时）",
    "flow-figure.all": "全部（粗线）",
    "flow-figure.band": "带：整步的 σ min 到 σ max",
    "flow-figure.lag": "往回的步数",
    "flow-figure.nothing-left": "什么也不剩，恰好为 0",
    "flow-figure.times": "{factor} 倍",
    "flow-figure.adds": "每一步加上的",
    "flow-figure.survives": "留在和里的份额",
    "flow-figure.together": "合在一起",
    "flow-figure.falls": "在这里，{loss}<br>降到局部梯度的 1 % 以下",
    "flow-figure.losses": "读出损失的步",
    "flow-figure.norm": "梯度的范数",
    "flow-figure.reach": "局部梯度的 1 %",
    "flow-figure.most": "{path:own} 最多",
    "flow-figure.largest": "最大",
    "flow-figure.together-one": "合在一起",
    "flow-figure.clipped-hover": "裁剪",
    "flow-figure.clipped": "被裁剪的步的比例",
    "flow-figure.of-local": "，局部梯度的 {share}",
    "flow-table.loss": "读出的步",
    "flow-table.asked": "预测的{token}",
    "flow-table.step": "步",
    "flow-table.token": "{token}",
    "flow-table.gradient": "梯度",
    "flow-table.share": "占局部梯度",
    "flow-table.part": "只在 {part} 处的梯度",
    "flow-table.carries": "{path:own} 传递",
    "flow-table.together": "合计",
    "flow-table.sigma-max": "最大奇异值",
    "flow-table.sigma-min": "最小奇异值",
    "flow-table.product": "乘积的对数",
    "flow-table.model": "模型",
    "flow-table.lag": "间隔",
    "flow-table.median": "份额的中位数",
    "flow-table.losses": "损失数",
    "flow-table.parameter": "参数",
    "flow-table.before": "之前的范数",
    "flow-table.squared": "范数平方的份额",
    "flow-table.after": "之后的范数（{way}）",
    "flow-table.largest": "最大的数",
    "flow-table.at": "位置",
    "writing.next": "**它会写下什么？** 你的文本，以及模型怎样写下去。点图中的一个{token}，就从那里写下去。",
    "writing.cloze": "**它会在空格里填什么？** 点图中的一个{token}，把它变成空格。",
    "writing.leaky": "**它会写下什么？** 什么也写不了：这个模型要看见下一个{token}才能预测它。",
    "writing.of": "**{model}**，每秒 {speed:,.0f} 个{token}",
    "writing.cannot": "**{model}** 不能从这里写下去。",
    "writing.learned": "这个迭代周期里，它在所学文本上的困惑度是 {score}。困惑度低，并不等于它写的有意义。",
    "writing.again": "再抽一次",
    "writing.likeliest.end": "最可能的下一个{token}：",
    "writing.likeliest.place": "第 {step} 步（现在是“{stands}”）最可能的{token}：",
    "writing.likeliest.cloze": "第 {step} 步的空格（现在是“{stands}”）里最可能的{token}：",
    "writing.alt": "那里最可能的{token}及其概率",
    "writing-figure.character": "“{character}” {probability:.1%}",
    "writing-figure.share": "温度 {temperature:g} 时的概率",
    "page.reader.characters": "{label} 按字符读，认识这段文本的更多内容",
    "page.reader": "{label} 全都认识",
    "page.reader.most": "{label} 认识得更多",
    "brush.found": "**第 {first} 到 {last} 步，“{text}”**。这些单元在其中一直打开，在周围关闭，前后允许差两步；列出每个在那里和其他地方的"
    "平均。点一个，单独画它。",
    "brush.below": "第 {first} 到 {last} 步找到的内容在图的下方。",
    "brush.none": "**第 {first} 到 {last} 步，“{text}”**。没有单元在其中打开、在周围关闭。",
    "brush.unit": "单元 {unit}：{mean_in:.2f}，其他地方 {mean_out:.2f}",
    "brush.elsewhere-one": "在{what}的 {count:tokens}里，单元 {units} 还在哪里打开：",
    "brush.elsewhere-several": "在{what}的 {count:tokens}里，单元 {units} 还在哪里一起打开：",
    "brush.nowhere-one": "在{what}的 {count:tokens}里，单元 {units} 没有别处打开。",
    "brush.nowhere-several": "在{what}的 {count:tokens}里，单元 {units} 没有别处一起打开。",
    "places.here": "这段文本",
    "places.found": "**“{word}”在{what}里还出现在哪里**，那里的状态有多像：读完这个词之后的状态（从末尾读起的网络：之前的状态）之间的余弦，"
    "都先减去平均状态。1 是相同，0 是毫不相干。",
    "places.none": "“{word}”在这里没有再出现。",
    "brush.close": "关闭",
    "gate-page.hold": "把一个单元固定在平均值，看什么变差：",
    "gate-page.hold.unit": "单元 {unit}",
    "gate-page.worse": "**没有它，什么变差了**。在{what}的 {count:tokens}上，{held}：平均意外度上升 {rise:.2f} 比特。代价最大的{token}"
    "如下（所有位置合计）。",
    "gate-page.worse.one-text": "许多文本没有某个单元会读得更差，而其中一段文本却可能读得更好。",
    "gate-page.not-worse": "**平均来说没有变差**。在{what}的 {count:tokens}上，{held}：平均意外度下降 {fall:.2f} 比特。",
    "gate-page.trial.confirmed": "**它的角色得到证实**：逐个固定的 {compared} 个其他单元中，没有一个在那里相对于其他地方代价这么大。",
    "gate-page.trial.not-confirmed": "**它的角色没有得到证实**：逐个固定的 {compared} 个其他单元中，有 {rank} 个在那里相对于其他地方的代价"
    "一样大。它跟随标题所说的内容；网络是否为此需要它，没有显示出来。",
    "gate-page.trial.few": "网络是否为此需要它，无法判断：在试验所用的文本中，它的角色只涉及 {steps:tokens}，太少了。",
    "gate-page.worse.role": "它的角色是{place}：在那里开始或结束的地方（{count:tokens}），意外度上升 {there:.2f} 比特，其他地方 "
    "{elsewhere:.2f}。",
    "gate-page.worse.corpus": "它学过的文本",
    "gate-page.worse.text": "这段文本",
    "gate-page.worse.symbol": "{token}",
    "gate-page.worse.count": "次数",
    "gate-page.worse.before": "意外度（比特）",
    "gate-page.worse.after": "没有它时",
    "gate-page.ghost": "细线：训练时的样子。",
    "gate-page.beside": "**{model}**：{score} {value}",
    "gate-page.saturation": "**饱和的门**。每个记号是一个单元的一个门：靠近右边，几乎总是关闭；靠近上边，几乎总是打开；靠近左下角，两者"
    "都不是。",
    "gate-page.alt.saturation": "每个单元的门小于 0.1 和大于 0.9 的频率",
    "gate-page.alt.tape": "文本每一步上每个单元的门",
    "gate-page.alt.by-epoch": "训练各迭代周期上这段文本的困惑度",
    "gate-page.cut": "分析了全部 {count:,} 个{token}；画出前 {most:,} 个。下载的数据包含全部。",
    "gate-page.learning.open": "模型怎样学会读这段文本",
    "gate-page.learning": "移动滑块*训练的迭代周期*，看模型当时的样子。",
    "gate-page.learning.part": "读了前 {read:,} 个{token}。移动滑块*训练的迭代周期*，看模型当时的样子。",
    "gate-page.learning.as-trained": "这条曲线显示训练时的模型，没有你的改动。",
    "gate-page.reading-by-epoch": "模型在训练的每个迭代周期读同一段文本。",
    # pages: gradients
    "card.perplexity": "困惑度",
    "card.perplexity.help": "这段文本的平均意外度取 exp。完形填空模型的是伪困惑度，泄漏答案的模型的是分数。",
    "card.perplexity.next": "{score}",
    "card.perplexity.cloze": "{score}（伪）",
    "card.perplexity.leaky": "{score}（泄漏）",
    "card.half-life": "半衰期",
    "card.half-life.help": "往回多少步之后，一半的损失剩下不到一半的局部梯度。它说明梯度一开始衰减得多快。",
    "card.horizon": "可及距离",
    "card.horizon.help": "同上，换成 1 %：损失究竟能到多远。",
    "card.slope": "斜率",
    "card.slope.help": "对这段文本的全部间隔，给中位数的对数拟合一条直线：平均每步多少奈特。先快后慢的衰减，半衰期短而斜率接近 0。",
    "card.lambda": "λ₁",
    "card.lambda.help": "最大的有限时间李雅普诺夫指数，每步奈特：保持最久的那个方向。",
    "card.norm": "‖g‖",
    "card.norm.help": "这段文本的平均损失对全部参数的梯度的范数，在裁剪之前。",
    "card.proof-gates": "证明：门",
    "card.proof-gates.help": (
        "按公式用 float64 算出的状态（这里的梯度由它的门传递）与读文本的内核的状态之间最大的差。约 1e-06 以内是 float32 的舍入。"
    ),
    "card.proof-flow": "证明：梯度流",
    "card.proof-flow.help": (
        "这个梯度流的三行与 torch.autograd.grad 用 float64 在前 32 步的普通循环上刚刚算出的结果之间最大的相对差。约 1e-12 是 float64 的舍入。"
    ),
    "card.over": ">{steps}",
    "gradient-page.look-for": (
        "每个{token}的损失把梯度送回它之前的各步。**从对角线往外读三角形的一行**：变暗的地方，损失已经到不了。从对角线起就暗的一行属于预测得很"
        "好的{token}：它不要求改变。"
    ),
    "gradient-page.cut": "这一页的梯度是前 {count:,} 个{token}的；库最多取 {most:,} 个。",
    "gradient-page.beside": "（旁边）",
    "gradient-page.row": "“{character}”，从第 {step} 步读出",
    "gradient-page.proved": "两个证明是刚刚算出的差：同样的公式用 float64 算出的状态，以及梯度流的三行与 float64 的 torch.autograd.grad。",
    "gradient-page.part": "画出的，以及半衰期、可及距离和斜率所计的：只在 {part} 处的梯度。",
    "gradient-page.reach": "**它到多远**。全部损失的中位数，按往回的步数；细线：拟合的斜率。",
    "gradient-page.bound": "Pascanu 的界 σ max(U)·γ 是 {bound:.3f}：小于 1 必定消失，大于 1 可能爆炸。",
    "gradient-page.clip": "**裁剪剩下什么**。这段文本的平均损失的梯度，逐个参数，以及 θ 把它变成什么。",
    "gradient-page.clip.of": "这段文本，{model}",
    "gradient-page.clip.no-loss": "还没有损失，所以没有可裁剪的。",
    "gradient-page.clip.not-finite": "不是有限数：{what}。没有裁剪。",
    "gradient-page.clip.clipped": "范数 {norm:.3g}，θ = {theta:g}：乘以 {coefficient:.3g}，方向不变。",
    "gradient-page.clip.kept": lambda norm, theta, coefficient: f"范数 {norm:.3g}，θ = {theta:g}：没有裁剪。",
    "gradient-page.clip.others": (
        "按值裁剪，{changed_share:.1%} 的数会改变，方向会转 {value_degrees:.1f}°；按参数裁剪，转 {parameter_degrees:.1f}°。"
    ),
    "gradient-page.training": "它的训练，逐个迭代周期",
    "gradient-page.training.click": "点一个迭代周期：页面上的一切就按最近的快照的模型重画。",
    "gradient-page.clipped-in-training": "训练这个模型时，{share:share} 的步被裁剪。",
    "gradient-page.alt.flow": "每个损失在每个较早步的梯度、整段文本的梯度、一个损失的梯度，以及由什么传递",
    "gradient-page.alt.sigma": "每条路径最大的奇异值，以及整步奇异值的带",
    "gradient-page.alt.weights": "每一步给每个权重矩阵的梯度加上的范数",
    "gradient-page.alt.lags": "按间隔的局部梯度份额的中位数",
    "gradient-page.alt.clip": "每个参数的梯度在裁剪前后的范数",
    "gradient-page.alt.training": "训练各迭代周期裁剪前后的梯度范数",
    # probes: how far the gradients of two models reach
    "reach.farther": (
        "梯度在 {far} 中到得更远：{far_steps:steps}之后降到{share}以下，在 {near} 中 {near_steps:steps}之后就降到{share}以下。所以 {far} "
        "预测得不好的地方，还能纠正它更早做的事。{reads}"
    ),
    "reach.farther-than-the-text": (
        "梯度在 {far} 中到得更远：在这段文本的每一步都高于{share}，在 {near} 中 {near_steps:steps}之后就降到{share}以下。所以 {far} 预测得"
        "不好的地方，还能纠正它更早做的事。{reads}"
    ),
    "reach.share.horizon": " 1 % ",
    "reach.share.half-life": "一半",
    "reach.alone": "仅此并不使它读得更好：把没用的内容放掉的门，是有意让梯度到此为止。",
    "reach.reads-better": (
        "它读这段文本也更好（困惑度 {far_nats:perplexity} 对 {near_nats:perplexity}）；只是到得远并不带来这一点。"
    ),
    "reach.reads-no-better": (
        "它并不因此读得更好（困惑度 {far_nats:perplexity} 对 {near_nats:perplexity}）：把没用的内容放掉的门，是有意让梯度到此为止。"
    ),
    # lessons: the page
    # the tour of the page Gates
    "tour.begin": "导览",
    "tour.where": "{number} / {count}",
    "tour.back": "后退",
    "tour.on": "继续",
    "tour.leave": "结束导览",
    "tour.text": "一个小网络一个{token}一个{token}地读上面的句子，每个{token}都先猜后看。条带中**暗**的{token}它不意外，**亮**的{token}它没有猜到。",
    "tour.unit": "网络由单元组成，单元的**状态**是它一直带着的一个数。看**单元 {unit}，{place}**：成立的地方有阴影，曲线跟着走。没有人教过它。",
    "tour.another": "这是**另一个句子**，单元 {unit} 仍然如此。自己输入一句试试：每按一个键，图就跟着变。",
    "tour.click": "**指着**一个{token}，就能读到网络在那里期待什么。**点击**它，网络就在图的下方从那里写下去。",
    "tour.hold": "现在单元 {unit} 被**固定**在它的平均值，就像被切掉一样。细线是它原来的样子。图的下方写着：在学过的文本里，没有它网络哪里读得更差。",
    "tour.end": "导览到此为止。**单元内部**打开一步的公式，**梯度**显示损失能回到多远，**课程**问你懂了什么。",
    # 切断的计算图
    "choice.cut": "是否切断计算图",
    "control.cut": "像训练时那样切断计算图",
    "control.cut.help": "训练时文本分批读入，批与批之间状态被 detach，梯度不再往回传。一行中的空白，就是那个损失从来教不到的步。",
    "gradient-page.no-cut": "**{model}**：不知道训练在哪里切断，或者有网络在每个批量里重新开始。它的三角形是完整的。",
    "gradient-page.cut-in-training": (
        "**{model}** 训练时每 {steps:,} 步切断一次，梯度最多跨 {batches:,} 个批量。更早的内容只通过状态读到，没有损失去教它。"
    ),
    # the eigenvalues of the recurrent weights
    "choice.eigen": "特征值的选择",
    "control.eigen": "循环权重的特征值",
    "control.eigen.help": "每个特征值是复平面上的一个记号，旁边是单位圆。指着它，就说出它的模。",
    "eigen-figure.part": "{letter}：最大的 |λ| = {radius:.3f}",
    "eigen-figure.alt": "循环权重的特征值，画作复平面上的记号，以及单位圆。",
    "eigen-figure.power": "幂 k",
    "gradient-page.alt.powers": "循环权重各次幂的范数，以及最大特征值的各次幂。",
    "gradient-page.eigenvalues.grows": "**{model}**。$U_{part}$ 最大的特征值的模是 {radius:.3f}，在单位圆外。它的幂无限增长；"
    "只有其间的斜率和门拦住梯度。",
    "gradient-page.eigenvalues.vanishes": "**{model}**。$U_{part}$ 最大的特征值的模是 {radius:.3f}，全部在单位圆内。它的幂最终消失，"
    "虽然范数起初可能增长。",
    "table.eigenvalues": "循环权重的特征值",
    "gradient-page.eigenvalues.not-finite": "{model} 的循环权重不是有限的数，没有特征值。",
    "gradient-page.no-eigenvalues": "{model} 没有循环权重。",
    "expected.recurrent-weights": "有循环权重的循环单元",
    # the page Cell, its drawing and its equations
    "page.cell": "单元内部",
    "page.cell.help": "打开训练好的循环单元的一步：它的结构图和公式，连同其中的数字。",
    "choice.at": "步",
    "choice.at-x": "另一个{token}",
    "choice.at-variant": "这一步的变体",
    "choice.at-before": "这一步之前的状态 {letter}",
    "choice.at-bias": "{letter} 的偏置的移动",
    "choice.at-own": "{letter} 中对自己的权重",
    "choice.at-hold": "这一步门 {letter} 的值",
    "choice.book": "书中的字母",
    "control.at-unit": "单元",
    "control.at-unit.help": "图中写的是它的数字。起初是一个已知跟随什么的单元。",
    "control.at-x": "改读另一个{token}",
    "control.at-x.help": "只在这一步；之前的文本不变。",
    "control.at-before": "这个单元的旧状态 {letter}",
    "control.at-hold": "把所有单元的 {letter} 固定在",
    "control.at-bias": "给 {letter} 的偏置加上",
    "control.at-own": "{letter} 中它对自己旧状态的权重",
    "control.at-own.help": "这个单元在 U 的对角线上的数。",
    "control.at-variant": "把权重读作",
    "control.book": "用《动手学深度学习》的字母",
    "control.book.help": (
        "那里一个状态是一行，候选隐状态写作带波浪号的字母。书中每一部分只有一个偏置，它的 GRU 在乘积之前重置，即 R ⊙ H；torch.nn.GRU "
        "还有第二个偏置（这里的 c），并在乘积之后重置。这里的方程是这个模型的方程。"
    ),
    "cell-page.unit": "{unit} · {place}",
    "cell-page.back": "后退",
    "cell-page.on": "前进",
    "cell-page.here": "第 {step} 步：{before} **:primary-background[ {here} ]** {after}",
    "cell-page.change": "改动这一步",
    "cell-page.change.about": "它不影响之前的各步。原来的数写在下面。",
    "cell-page.restore": "撤回",
    "cell-page.reading": "**{gate} = {share:.2f}**：单元 {unit} 保留旧状态的 {share:.0%}。{state} 从 {before:.2f} 变为 "
    "**{after:.2f}**。",
    "cell-page.reading.no-gate": "没有门的循环单元：单元 {unit} 被整个重写。{state} 从 {before:.2f} 变为 **{after:.2f}**。",
    "cell-page.proof": "用 float64 计算，这些公式与 {against} 给每个单元的 h 相同，精确到 {residual:.0e}。",
    "cell-page.exact": "用 float64 计算，这些公式与循环单元自己的一步给每个单元的 h 完全相同。",
    "cell-page.one-hot": "给 torch 的是独热向量；公式则像嵌入那样取 W 的列。",
    "cell-page.cost": "一步要花多少？",
    "cell-page.cost.about": "一层 {units:,} 个单元，读 {inputs:,} 个数的向量。时间是在这里量的：一个序列，用读你的文本的内核；它既"
    "说明循环单元，也说明内核：torch 把 LSTM 的整个序列交给一次库调用（oneDNN），而 GRU 逐步循环；minGRU 没有与状态的乘积。",
    "column.cell": "循环单元",
    "column.weights": "权重",
    "column.multiplications": "每步乘法",
    "column.us-per-step": "每步微秒",
    "cell-page.copy": "与只是复制 {state} 相比，差别最大的单元相差 {distance:.2g}。",
    "cell-page.plain": "与使用候选隐状态权重的普通 RNN 相比，相差 {distance:.2g}。",
    "cell-page.over-text": "**同一个单元在整段文本上。** 点击一步来打开它。",
    "cell-page.cut": "共 {count:,} 个{token}，这里可以打开前 {most:,} 个。",
    "cell-page.no-text": "请输入至少一个字符的文本：读了什么，才有一步可以打开。",
    "table.cell": "这一步每个单元的数字",
    "cell-figure.held": "固定",
    "cell-figure.was": "原为 {value}",
    "cell-figure.alt": "{cell} 的一步，门、乘积与和旁边写着单元 {unit} 的数字。",
    "cell-figure.bars-alt": "单元 {unit} 在这一步的各部分，从零画起的条形。",
    "gate-figure.unit-alt": "文本，下面是单元 {unit} 的每个门和状态。",
    "expected.changed": "{letters:names} 之一：{cell} 中没有别的可以这样改动",
    "page.lessons": "课程",
    "page.lessons.help": "由问题组成的短课，每个问题都用测量来回答；可以自学，也可以由一个人带全班。",
    "choice.lesson": "课",
    "choice.step": "步骤",
    "choice.class": "班级",
    "lesson-page.lesson": "课",
    "lesson-page.progress": "第 {step} 步，共 {count} 步",
    "lesson-page.back": "上一步",
    "lesson-page.next": "下一步",
    "lesson-page.next-lesson": "下一课",
    "lesson-page.see": "在“{page}”页看",
    "lesson-page.show": "显示",
    "lesson-page.show-all": "向所有人显示答案",
    "lesson-page.answer": "答案",
    "lesson-page.measuring": "正在测量。",
    "lesson-page.right": "正确：{right}。",
    "lesson-page.wrong": "测量的结果不同：{right}。",
    "lesson-page.is": "测量的结果：{right}。",
    "lesson-page.rule": "规则：{rule}",
    # lessons: a class
    "class.lead": "课堂",
    "class.what": (
        "一个浏览器带课，凡是打开班级链接的浏览器都跟随它的课和步骤。答案只计数，不记名。班级持续八小时，服务器停止时结束。"
    ),
    "class.begin": "带一个班",
    "class.code": "要跟随的班级的代码",
    "class.full": "现在班级太多。等有一个结束后再试。",
    "class.unknown": "没有代码为 {code} 的班级：它已经结束，或代码不对。请再要一次链接。",
    "class.no-code": "“{code}”不是班级的代码。代码有五个字母。请再要一次班级的链接。",
    "class.alone": "自己继续",
    "class.follow": "跟随老师",
    "class.leave": "离开班级",
    "class.end": "结束班级",
    "class.counted": "你的答案已计入。老师公布时会显示哪个正确。",
    "class.answered": lambda answered, browsers: (
        f"{browsers} 个浏览器中有 {answered} 个回答了。" if browsers else "还没有人跟随。"
    ),
    "class.bar": "{choice}：{count}",
    "class.only-here": (
        "只有这台机器能打开这个地址。要让别人跟随，请用 `--server.address 0.0.0.0` 启动服务器，并用这台机器自己的名字或数字地址打开本页。"
    ),
    "class.invitation": "这是班级 **{code}**。打开它的链接的人会一步一步跟随你。",
    # lessons: what a gate does
    "lesson.gate": "门做什么",
    "lesson.gate.quotes.claim": "一个单元可以记住文本正在引号里。",
    "lesson.gate.quotes.question": "在两个引号之间，单元 95 的状态在哪里？",
    "lesson.gate.quotes.look": "单元 95 的那一行：它的状态 h，以及两个引号处的更新门 z。",
    "lesson.gate.quotes.change": "去掉句子里的后引号。这个单元会一直等它。",
    "lesson.gate.quotes.choice.higher": "比外面高",
    "lesson.gate.quotes.choice.lower": "比外面低",
    "lesson.gate.quotes.choice.same": "差不多",
    "lesson.gate.quotes.answer": "单元 {unit} 的平均状态在引号之间是 {inside:.2f}，在这句话的其他地方是 {outside:.2f}。",
    "lesson.gate.quotes.rule": "两个平均值相差 0.1 以上才算不同。",
    "lesson.gate.open.claim": "更新门为 1 时，复制旧状态，什么也不放进来。",
    "lesson.gate.open.question": "从第一个字符起，把每个单元的 z 固定在 1。状态会怎样？",
    "lesson.gate.open.look": "状态，以及显示状态移动多远的那一行。",
    "lesson.gate.open.change": "在“改动模型”里把 z 设为 0.9。进来一点点，就停留很久。",
    "lesson.gate.open.choice.still": "停在开始的地方",
    "lesson.gate.open.choice.moves": "继续移动",
    "lesson.gate.open.answer": (
        "训练时，状态平均每个单元每步移动 {before:.3g}。z 为 1 时移动 {after:.3g}。它从不忘记，也从不了解文本：状态从头到尾都是零。"
    ),
    "lesson.gate.open.rule": "移动不到训练时的 1 %，就算停住。",
    "lesson.gate.shut.claim": "更新门为 0 时，旧状态一点也不复制。",
    "lesson.gate.shut.question": "把每个单元的 z 固定在 0。前几步还有什么能影响状态？",
    "lesson.gate.shut.look": "一个损失的梯度，一步一步往回。",
    "lesson.gate.shut.change": "把重置门 r 也固定在 0。那时候选只读字符。",
    "lesson.gate.shut.choice.nothing": "什么也没有",
    "lesson.gate.shut.choice.something": "有，经过别的路",
    "lesson.gate.shut.answer": (
        "局部梯度的 {share:.0%} 到达往回 {lag} 步的地方。什么也没有复制，但候选 n 仍然通过 r 和 U 读旧状态。所以门为 0 结束的是复制，"
        "而不是全部记忆。"
    ),
    "lesson.gate.shut.rule": "往回五步的份额中位数达到 1 %，就算有影响。",
    "lesson.gate.worse.claim": "一个门的价值，是没有它时阅读的损失。",
    "lesson.gate.worse.question": "哪一个更伤这句话的困惑度？",
    "lesson.gate.worse.look": "第一张卡片上的困惑度，下面是训练时的模型的。",
    "lesson.gate.worse.change": "把 z 设为 0.5，找出伤害最小的值。",
    "lesson.gate.worse.choice.open": "z 为 1",
    "lesson.gate.worse.choice.shut": "z 为 0",
    "lesson.gate.worse.choice.same": "两者差不多",
    "lesson.gate.worse.answer": "训练时困惑度是 {free:.3g}，z 为 1 时是 {open:.3g}，z 为 0 时是 {shut:.3g}。",
    "lesson.gate.worse.rule": "两者相差超过训练时困惑度的十分之一，才算一个更伤。",
    # lessons: the three motives
    "lesson.motives": "三个动机",
    "lesson.motives.first.claim": "第一个动机：早先的一个字符可能影响后面的一切。",
    "lesson.motives.first.question": "两个小型循环单元训练同样少的步数。哪一个按第一个字符回答？",
    "lesson.motives.first.look": "问题的文本：第一个字符决定答案。然后训练两个单元。",
    "lesson.motives.first.change": "把文本变长，看哪个单元还学得会。",
    "lesson.motives.first.choice.gru": "GRU",
    "lesson.motives.first.choice.rnn": "普通 RNN",
    "lesson.motives.first.choice.both": "两者一样多",
    "lesson.motives.first.answer": (
        "在这台服务器上最多训练 {steps} 步之后，在新的文本上 GRU 的正确率是 {gru:.0%}，RNN 是 {rnn:.0%}。猜测是 {chance:.0%}。"
    ),
    "lesson.motives.first.rule": "正确率高出 10 个百分点以上，才算答得更好。",
    "lesson.motives.skip.claim": "第二个动机：有些字符没有信息，应该跳过。",
    "lesson.motives.skip.question": "训练好的 GRU 在哪里把更新门 z 开得更大，也就是更接近 1？",
    "lesson.motives.skip.look": "训练之后“门做了什么，测出来的”下面的数。",
    "lesson.motives.skip.change": "选问题“该跳过的符号”。那里噪声夹在要记住的内容之间。",
    "lesson.motives.skip.choice.noise": "在没有信息的字符上",
    "lesson.motives.skip.choice.kept": "在要记住的字符上",
    "lesson.motives.skip.choice.same": "两处相同",
    "lesson.motives.skip.answer": (
        "z 对全部单元的平均，在噪声上是 {noise:.2f}，在要记住的字符上是 {kept:.2f}。教科书预期噪声上更大。小型单元可能用别的办法解决问题，"
        "所以先测量，再讲故事。"
    ),
    "lesson.motives.skip.rule": "z 的两个平均值相差 0.05 以上才算不同。",
    "lesson.motives.breaks.claim": "第三个动机：文本中断之后，过去不再重要。",
    "lesson.motives.breaks.question": "在读故事的模型里，新的一行开始时，单元 95 的 z 做什么？",
    "lesson.motives.breaks.look": "“门”页面上单元 95 的那一行。在“长文本”里输入两行：断点就是一行的结尾。",
    "lesson.motives.breaks.change": "在“问题”页面选“断点”：训练 GRU 和普通 RNN，比较在那里测到的值。",
    "lesson.motives.breaks.choice.opens": "打开：复制状态",
    "lesson.motives.breaks.choice.shuts": "关闭：丢掉旧状态",
    "lesson.motives.breaks.choice.same": "没有特别",
    "lesson.motives.breaks.answer": "单元 {unit} 的 z 的平均，在一行开始处是 {begins:.2f}，其他地方是 {elsewhere:.2f}。",
    "lesson.motives.breaks.rule": "两个平均值相差 0.1 以上才算不同。",
    # lessons: why the gradient vanishes
    "lesson.vanish": "梯度为什么消失",
    "lesson.vanish.untrained.claim": "每往回一步，梯度就多乘一个雅可比矩阵。",
    "lesson.vanish.untrained.question": "一个普通 RNN 还没有训练。多少步之后，梯度剩下不到 1 %？",
    "lesson.vanish.untrained.look": "第二张图上未训练的模型：它的梯度在对角线附近就结束了。",
    "lesson.vanish.untrained.change": "把第二个模型换成未训练的 GRU。",
    "lesson.vanish.untrained.choice.near": "不到 10 步",
    "lesson.vanish.untrained.choice.middle": "10 到 30 步",
    "lesson.vanish.untrained.choice.far": "30 步以上，或不在这段文本之内",
    "lesson.vanish.untrained.answer": "可及距离是 {horizon:reached}。比这更远的损失，几乎不能纠正模型在这里做的事。",
    "lesson.vanish.untrained.rule": "可及距离是份额中位数第一次低于 1 % 的间隔。",
    "lesson.vanish.reach.claim": "训练好的模型，梯度衰减的快慢各不相同。",
    "lesson.vanish.reach.question": "在这句话上，哪一个的梯度先降到一半？",
    "lesson.vanish.reach.look": "两个模型的半衰期，以及按间隔的份额中位数曲线。",
    "lesson.vanish.reach.change": "输入自己的文本。半衰期既属于模型，也属于文本。",
    "lesson.vanish.reach.choice.rnn": "普通 RNN 的",
    "lesson.vanish.reach.choice.gru": "GRU 的",
    "lesson.vanish.reach.choice.same": "两者在同一间隔",
    "lesson.vanish.reach.answer": "普通 RNN 的半衰期是 {rnn:reached}，GRU 的是 {gru:reached}。",
    "lesson.vanish.reach.rule": "半衰期是份额中位数第一次低于一半的间隔。",
    "lesson.vanish.reader.claim": "只是到得远，并不是好的读者。",
    "lesson.vanish.reader.question": "两者中哪一个把这句话读得更好？",
    "lesson.vanish.reader.look": "两个模型的图上面的困惑度。",
    "lesson.vanish.reader.change": "把第二个模型换成 LSTM。",
    "lesson.vanish.reader.choice.rnn": "普通 RNN",
    "lesson.vanish.reader.choice.gru": "GRU",
    "lesson.vanish.reader.choice.same": "差不多",
    "lesson.vanish.reader.answer": (
        "普通 RNN 的困惑度是 {rnn:.3g}，GRU 的是 {gru:.3g}。把没用的内容放掉的门，是有意让梯度到此为止。"
    ),
    "lesson.vanish.reader.rule": "困惑度低出 GRU 的十分之一以上，才算读得更好。",
    "lesson.vanish.weaker.claim": "循环权重 U 把梯度带回去。",
    "lesson.vanish.weaker.question": "把普通 RNN 的全部循环权重减半。半衰期会怎样？",
    "lesson.vanish.weaker.look": "界 σ max(U)·γ，以及份额中位数的曲线。",
    "lesson.vanish.weaker.change": "把循环权重的倍数设为 1.25。",
    "lesson.vanish.weaker.choice.shorter": "变短",
    "lesson.vanish.weaker.choice.same": "不变",
    "lesson.vanish.weaker.choice.longer": "变长",
    "lesson.vanish.weaker.answer": "半衰期原来是 {before:reached}，U 减半后是 {after:reached}。",
    "lesson.vanish.weaker.rule": "直接比较两个半衰期。",
    # lessons: what clipping does
    "lesson.clip": "裁剪做什么",
    "lesson.clip.turns.claim": "按范数裁剪，一次作用于整个梯度。",
    "lesson.clip.turns.question": "梯度在 θ = 0.05 处裁剪。它的什么改变了？",
    "lesson.clip.turns.look": "裁剪前后的条形，逐个参数。",
    "lesson.clip.turns.change": "把 θ 往上移，直到什么也不裁剪。",
    "lesson.clip.turns.choice.length": "只有长度",
    "lesson.clip.turns.choice.both": "长度和方向",
    "lesson.clip.turns.choice.neither": "什么也没有",
    "lesson.clip.turns.answer": (
        "范数从 {before:.3g} 变为 {after:.3g}，方向转 {degrees:.0f}°。用同样的 θ 逐个值裁剪，会转 {value_degrees:.0f}°。"
    ),
    "lesson.clip.turns.rule": "把范数的变化和两个梯度之间的角度与零比较。",
    "lesson.clip.reach.claim": "裁剪是用来对付梯度爆炸的。",
    "lesson.clip.reach.question": "裁剪会让梯度往回到得更远吗？",
    "lesson.clip.reach.look": "半衰期。移动 θ，看它是否移动。",
    "lesson.clip.reach.change": "把 θ 设到最小。",
    "lesson.clip.reach.choice.longer": "会，更远",
    "lesson.clip.reach.choice.same": "不会，和以前一样",
    "lesson.clip.reach.choice.shorter": "不会，反而更近",
    "lesson.clip.reach.answer": (
        "梯度的每个部分都乘以 {coefficient:.3g}，早的步和晚的步一样。半衰期之前是 {before:reached}，之后是 {after:reached}。"
    ),
    "lesson.clip.reach.rule": "比较梯度流的半衰期和它乘以系数之后的半衰期。",
    "lesson.clip.rate.claim": "SGD 每步都被裁剪时，学习率和 θ 合起来是一个数。",
    "lesson.clip.rate.question": "θ 减半，学习率加倍。权重的一步有多长？",
    "lesson.clip.rate.look": "裁剪后的范数：就是 θ。",
    "lesson.clip.rate.change": "在“训练”页训练两次，每组数一次。",
    "lesson.clip.rate.choice.longer": "更长",
    "lesson.clip.rate.choice.same": "和以前一样长",
    "lesson.clip.rate.choice.shorter": "更短",
    "lesson.clip.rate.answer": (
        "学习率 {rate:g}、θ = {theta:g} 时，一步的长度是 {first:.3g}。学习率加倍、θ 减半时是 {second:.3g}。只要梯度比 θ 长，就是这样。"
    ),
    "lesson.clip.rate.rule": "一步的长度是学习率乘以裁剪后的范数。",
    # lessons: two directions
    "lesson.two": "两个方向",
    "lesson.two.leak.claim": "分数极好，可能是因为看得见答案。",
    "lesson.two.leak.question": "这个双向模型被问到下一个字符。它的分数接近 1。怎么会？",
    "lesson.two.leak.look": "第一张卡片上的分数，以及应用怎样称呼它。",
    "lesson.two.leak.change": "输入乱七八糟的文字。分数仍然很好。",
    "lesson.two.leak.choice.predicts": "它预测得非常好",
    "lesson.two.leak.choice.sees": "它看得见要它预测的字符",
    "lesson.two.leak.answer": (
        "它的分数是 {leaky:.3f}；向前读的普通 RNN 的困惑度是 {honest:.3g}。它的输出依赖后面的内容：后方的能量（导数平方之和）是 {ahead:.3g}，"
        "而真正预测的模型恰好是 0。"
    ),
    "lesson.two.leak.rule": "只要有一个输出依赖后面的字符，就算看得见答案。",
    "lesson.two.writes.claim": "会预测的，就能写下去。",
    "lesson.two.writes.question": "让同一个模型在 “the time” 之后写下去。会怎样？",
    "lesson.two.writes.look": "页面是否提供写下去。",
    "lesson.two.writes.change": "选普通 RNN。它会写。",
    "lesson.two.writes.choice.writes": "它写下去",
    "lesson.two.writes.choice.refuses": "没法让它写",
    "lesson.two.writes.answer": "{what}",
    "lesson.two.writes.refused": "库拒绝了。从末尾读起的网络需要还没写出的文本，所以无从问起。",
    "lesson.two.writes.written": "它写道：{written}",
    "lesson.two.writes.rule": "让模型写 20 个字符。",
    "lesson.two.cloze.claim": "问题是填空时，两个方向都是诚实的。",
    "lesson.two.cloze.question": "这个模型从两边填每个空格。它看得见空格里的字符吗？",
    "lesson.two.cloze.look": "分数叫作伪困惑度。它不能与困惑度比较。",
    "lesson.two.cloze.change": "点文本里的一个字符，看模型会在那里填什么。",
    "lesson.two.cloze.choice.yes": "看得见",
    "lesson.two.cloze.choice.no": "看不见",
    "lesson.two.cloze.answer": "每个输出对自己的字符的能量（导数平方之和）合计 {own:.3g}，对其他全部字符的是 {others:.3g}。",
    "lesson.two.cloze.rule": "每个输出对自己的字符的能量恰好是 0，才算看不见。",
    # lessons: a sentence of one's own
    "lesson.mistakes": "人们发表过的错误",
    "lesson.mistakes.reset.claim": "GRU 有两种重置约定，而存权重的文件不说是哪一种。",
    "lesson.mistakes.reset.question": "用“之后重置”训练的权重，按“之前重置”来读。困惑度会怎样？",
    "lesson.mistakes.reset.look": "第一张卡片上的困惑度，下面是训练时的模型的困惑度。",
    "lesson.mistakes.reset.change": "打开“单元内部”，用两种约定读同一步。",
    "lesson.mistakes.reset.choice.worse": "变差",
    "lesson.mistakes.reset.choice.same": "差不多",
    "lesson.mistakes.reset.choice.better": "变好",
    "lesson.mistakes.reset.answer": "这句话的困惑度，按训练时的约定是 {own:.3g}，按另一种是 {other:.3g}。",
    "lesson.mistakes.reset.rule": "差别超过前者的十分之一才算。",
    "lesson.mistakes.parallel.claim": "两个网络只有在其中一个从末尾读起时，才构成双向模型。",
    "lesson.mistakes.parallel.question": "这个模型的两个网络都向前读。第二个网络添了什么？",
    "lesson.mistakes.parallel.look": "两个网络：都从第一个字符开始。",
    "lesson.mistakes.parallel.change": "换成填空的模型，看它的第二个网络。",
    "lesson.mistakes.parallel.choice.follows": "后面的文本",
    "lesson.mistakes.parallel.choice.nothing": "没有后面的任何内容",
    "lesson.mistakes.parallel.answer": "输出依赖前面内容的能量（导数平方之和）是 {past:.3g}，依赖后面内容的能量是 {ahead:.3g}。",
    "lesson.mistakes.parallel.rule": "只要依赖后面的字符就算。",
    "lesson.mistakes.biases.claim": "PyTorch 给每个门两个偏置，书中只给一个。",
    "lesson.mistakes.biases.question": "在这个“之后重置”的 GRU 中，把 c 加到 b 上再设为零。它还是同一个网络吗？",
    "lesson.mistakes.biases.look": "候选隐状态的公式：r 乘的是 U h + c，而不是 b。",
    "lesson.mistakes.biases.change": "换成普通 RNN：在那里 b 和 c 并列。",
    "lesson.mistakes.biases.choice.same": "是，同一个",
    "lesson.mistakes.biases.choice.other": "不是，另一个",
    "lesson.mistakes.biases.answer": "这个 GRU 的状态最多移动 {after:.2g}。普通 RNN 只移动 {plain:.1g}，那是舍入。",
    "lesson.mistakes.biases.rule": "状态移动超过 0.0001 才算。",
    "lesson.mistakes.huge.claim": "范数是平方和的根，而平方会溢出。",
    "lesson.mistakes.huge.question": "一个梯度在 float32 中有 100 个 1e20。平方和的根是多少？",
    "lesson.mistakes.huge.look": "循环权重变成三倍：梯度爆炸，它的范数仍然是一个数。",
    "lesson.mistakes.huge.change": "把循环权重改回来，比较范数。",
    "lesson.mistakes.huge.choice.right": "正确的范数",
    "lesson.mistakes.huge.choice.infinite": "无穷大",
    "lesson.mistakes.huge.choice.zero": "零",
    "lesson.mistakes.huge.answer": (
        "{count} 个 {entry:.0e} 的范数是 {exact:.0e}。float32 到 3.4e38 为止，没有 1e20 的平方；梯度除以无穷大的范数就是零，这一步就丢了。"
    ),
    "lesson.mistakes.huge.rule": "float32 中的根与 float64 中的范数相比。",
    "lesson.own": "读你自己的句子",
    "lesson.own.backwards.claim": "模型学到了字符的顺序。",
    "lesson.own.backwards.question": "把同一句话倒着读。哪个方向的困惑度更高？",
    "lesson.own.backwards.look": "倒过来的句子里每个字符的意外度。",
    "lesson.own.backwards.change": "输入自己的名字，再从末尾输入它的字母。",
    "lesson.own.backwards.choice.forward": "按原来的写法",
    "lesson.own.backwards.choice.same": "差不多",
    "lesson.own.backwards.choice.backward": "倒着",
    "lesson.own.backwards.answer": "困惑度按原来的写法是 {forward:.3g}，倒着是 {backward:,.0f}。",
    "lesson.own.backwards.rule": "相差超过较小者的十分之一，才算更高。",
    "lesson.own.words.claim": "一个词的开头很难猜。",
    "lesson.own.words.question": "先在“门”页输入一句话。它在哪里更让模型意外？",
    "lesson.own.words.look": "每个词的第一个字符的意外度，以及词内的。",
    "lesson.own.words.change": "用一个书里没有的词。",
    "lesson.own.words.choice.start": "在词的第一个字符",
    "lesson.own.words.choice.same": "没有差别",
    "lesson.own.words.choice.within": "在词内",
    "lesson.own.words.answer": "在{which}里，第一个字符平均 {start:.2f} 比特，词内平均 {within:.2f} 比特。",
    "lesson.own.words.mine": "你的句子",
    "lesson.own.words.example": "例句（你还没有两个词的句子）",
    "lesson.own.words.rule": "两个平均值相差 0.1 比特以上才算不同。",
    "lesson.own.beside.claim": "两个模型可能对不同的地方感到意外。",
    "lesson.own.beside.question": "哪个模型把你的句子读得更好？",
    "lesson.own.beside.look": "两张图：哪里一个意外，另一个不意外？",
    "lesson.own.beside.change": "找一句另一个模型读得更好的话。",
    "lesson.own.beside.choice.rnn": "普通 RNN",
    "lesson.own.beside.choice.same": "差不多",
    "lesson.own.beside.choice.gru": "GRU",
    "lesson.own.beside.answer": "在{which}上，普通 RNN 的困惑度是 {rnn:.3g}，GRU 的是 {gru:.3g}。",
    "lesson.own.beside.rule": "困惑度低出较小者的十分之一以上，才算读得更好。",
}
