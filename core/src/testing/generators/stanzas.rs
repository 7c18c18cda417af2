use proptest::{collection::vec, prelude::*, sample::select, strategy::Union};

use super::texts::{hostile_piece, text};

/// What clients write around a word, and around a line.
const WORDS: &[(&str, &str)] = &[
    ("", ""),
    ("<b>", "</b>"),
    ("<em>", "</em>"),
    ("<span style='font-weight:bold;font-style:italic'>", "</span>"),
    ("<span style=\"color: #c00000; font-family: 'Segoe UI'; font-size: 10pt\">", "</span>"),
    ("<font color='navy'>", "</font>"),
    ("<a href='https://example.com/'>see <u>", "</u></a>"),
    ("<span class='emoticon'><s>", "</s></span>"),
];
const LINES: &[(&str, &str)] = &[
    ("<p>", "</p>"),
    ("<div style='background-color:#ffffcc'>", "</div>"),
    ("", "<br/>"),
    ("<ul><li>", "</li></ul>"),
    ("<blockquote>\n<p dir='auto'>", "</p>\n</blockquote>"),
    ("<pre>", "</pre>"),
];

/// Elements, those that are allowed and those that are not, and whether they begin and end a line.
const ELEMENTS: &[(&str, bool)] = &[
    ("p", true),
    ("div", true),
    ("blockquote", true),
    ("pre", true),
    ("ul", true),
    ("ol", true),
    ("li", true),
    ("a", false),
    ("b", false),
    ("cite", false),
    ("code", false),
    ("em", false),
    ("font", false),
    ("i", false),
    ("s", false),
    ("span", false),
    ("strong", false),
    ("u", false),
    ("h1", false),
    ("table", false),
    ("td", false),
    ("form", false),
    ("button", false),
    ("svg", false),
    ("math", false),
    ("noscript", false),
    ("template", false),
    ("x:b", false),
    ("B", false),
];

const ATTRIBUTES: &[&str] = &[
    "href='https://example.com/a?b=c&amp;d=%22#e'",
    "href='http://EXAMPLE.com:8080/\"&gt;&lt;script&gt;'",
    "href='mailto:alice@example.com?body=x'",
    "href='javascript:alert(1)'",
    "href='JaVaScRiPt&#58;alert(1)'",
    "href='&#106;ava&#x9;script:alert(1)'",
    "href='&#1; javascript:alert(1)'",
    "href='java&#10;script:alert(1)'",
    "href='javascript&#x3a;//example.com/%0aalert(1)'",
    "href='data:text/html;base64,PHNjcmlwdD4='",
    "href='https://bank.example@evil.example'",
    "href='//evil.example'",
    "href='https://evil.example/\u{202e}'",
    "xlink:href='javascript:alert(1)'",
    "style='color:red;font-weight:bold'",
    "style='COLOR : #0f0 ; background-color: white; text-decoration: underline'",
    "style='background:url(https://evil.example/x)'",
    "style='background-color:url(https://evil.example/x)'",
    "style='width:expression(alert(1));color:expression(alert(1))'",
    "style='-moz-binding:url(https://evil.example/x)'",
    "style='color:r\\65 d;font-style:italic/**/'",
    "style='color:white;background-color:black;display:none'",
    "style='color:red\"&gt;&lt;script&gt;alert(1)&lt;/script&gt;'",
    "style='@import \"https://evil.example\";position:fixed'",
    "color='red'",
    "color='red;background:url(x)'",
    "onclick='alert(1)'",
    "onload=\"alert('1')\"",
    "src='https://evil.example/x.png'",
    "background='https://evil.example/x.png'",
    "id='x' class='y'",
    "title='\"&gt;&lt;script&gt;alert(1)&lt;/script&gt;'",
    "dir='rtl'",
    "xmlns='http://www.w3.org/2000/svg'",
    "xmlns='http://www.w3.org/1999/xhtml'",
    "xmlns:x='http://www.w3.org/1999/xhtml'",
];

/// Markup that means harm, and what is left of it to read.
const HARM: &[(&str, &str)] = &[
    ("<br/>", "\n"),
    ("<br>\n</br>", "\n"),
    ("<script>alert(1)</script>", ""),
    ("<SCRIPT src='https://evil.example/x.js'/>", ""),
    ("<x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>", ""),
    ("<style>*{background:url(https://evil.example/x)}</style>", ""),
    ("<head><title>x</title><meta http-equiv='refresh' content='0;url=https://evil.example'/></head>", ""),
    ("<meta http-equiv='refresh' content='0;url=https://evil.example'/>", ""),
    ("<link rel='stylesheet' href='https://evil.example/x.css'/>", ""),
    ("<base href='https://evil.example'/>", ""),
    ("<img src='https://evil.example/x.png' onerror='alert(1)' alt='&lt;picture&gt;'/>", "<picture>"),
    (
        "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script><a href='javascript:x'>drawing</a></svg>",
        "drawing",
    ),
    ("<math><mtext><style><img src='x'/></style></mtext></math>", ""),
    ("<iframe src='https://evil.example'/>", ""),
    ("<object data='https://evil.example'><embed src='x'/></object>", ""),
    ("<input onfocus='alert(1)' autofocus='x'/>", ""),
    ("<a href='https://evil.example'>https://bank.example</a>", "https://bank.example"),
    ("<a href='https://example.com'>here</a>", "here"),
    ("<span style='color:white'>seen</span>", "seen"),
    ("<!-- <script>alert(1)</script> -->", ""),
    ("<?php echo 1 ?>", ""),
    ("<![CDATA[</div></body><script>]]>", "</div></body><script>"),
    ("&#x202e;", "\u{202e}"),
    ("&#60;script&#62;", "<script>"),
    ("\0", "\0"),
];

/// What no XML holds at the place where it is put in.
const BREAKS: &[&str] = &[
    "<",
    ">",
    "&",
    "\"",
    "'",
    "</",
    "/>",
    "<b>",
    "</b>",
    "</p>",
    "</body>",
    "<!--",
    "-->",
    "]]>",
    "<![CDATA[",
    "&nbsp;",
    "&#0;",
    "&lol;",
    "<?",
    "\0",
    "<!DOCTYPE x [<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;&lol;'>]>",
    "<script>",
    "</script>",
    "<b x=y>",
    "<a href='",
    "xmlns=''",
];

/// A text and the stanza of a client that formatted it: it holds the text plain and as XHTML-IM (XEP-0071).
pub fn formatted() -> impl Strategy<Value = (String, String)> + Clone {
    (text(), vec(any::<prop::sample::Index>(), 1..9)).prop_map(|(text, choices)| {
        let mut chosen = 0;
        let mut choose = || {
            chosen += 1;
            choices[chosen % choices.len()]
        };
        let (mut body, mut markup) = (Vec::new(), String::new());
        for line in text.lines() {
            let (open, close) = *choose().get(LINES);
            markup.push_str(open);
            let mut words = Vec::new();
            for (number, word) in line.split(' ').enumerate() {
                let (open, close) = if number % 3 == 0 { *choose().get(WORDS) } else { ("", "") };
                let said = if open.contains("see") { format!("see {word}") } else { word.to_owned() };
                markup.push_str(if number == 0 { "" } else { " " });
                markup.push_str(open);
                markup.push_str(&escape(word));
                markup.push_str(close);
                words.push(said);
            }
            markup.push_str(close);
            body.push(words.join(" "));
        }
        let body = body.join("\n");
        let stanza = stanza(&body, &markup);
        (body, stanza)
    })
}

/// A text and a stanza that holds it, among what could do harm where it is shown: script, targets and styles of all kinds, elements that do
/// not belong into each other. Mostly it is XML; now and then it is broken, or cut off.
pub fn hostile_formatted() -> impl Strategy<Value = (String, String)> + Clone {
    let words = hostile_piece().prop_map(|text| (escape(&text).replace('\r', "&#13;"), text.replace('\r', "\n")));
    let harm = select(HARM).prop_map(|(markup, text)| (markup.to_owned(), text.to_owned()));
    let leaf = prop_oneof![1 => words, 2 => harm];
    let node = leaf.prop_recursive(6, 40, 5, |inner| {
        (select(ELEMENTS), vec(select(ATTRIBUTES), 0..3), vec(inner, 0..5)).prop_map(|((name, block), attributes, children)| {
            let (markup, text): (Vec<String>, Vec<String>) = children.into_iter().unzip();
            let attributes = attributes.iter().fold(String::new(), |all, attribute| all + " " + attribute);
            let edge = if block { "\n" } else { "" };
            (format!("<{name}{attributes}>{}</{name}>", markup.concat()), format!("{edge}{}{edge}", text.concat()))
        })
    });
    let damage = Union::new_weighted(vec![
        (8, Just(None).boxed()),
        (1, (any::<prop::sample::Index>(), select(BREAKS).prop_map(Some)).prop_map(Some).boxed()),
        (1, any::<prop::sample::Index>().prop_map(|at| Some((at, None))).boxed()),
    ]);
    (vec(node, 1..5), damage).prop_map(|(nodes, damage)| {
        let (markup, text): (Vec<String>, Vec<String>) = nodes.into_iter().unzip();
        let text = text.concat();
        let mut stanza = stanza(&text, &markup.concat());
        match damage {
            None => {}
            Some((at, piece)) => {
                let at = stanza.floor_char_boundary(at.index(stanza.len()));
                match piece {
                    Some(piece) => stanza.insert_str(at, piece),
                    None => stanza.truncate(at),
                }
            }
        }
        (text, stanza)
    })
}

fn stanza(body: &str, markup: &str) -> String {
    format!(
        "<message type='chat' id='x1'><body>{}</body><html xmlns='http://jabber.org/protocol/xhtml-im'>\
         <body xmlns='http://www.w3.org/1999/xhtml'>{markup}</body></html></message>",
        escape(body)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
