use proptest::{collection::vec, prelude::*, sample::select, strategy::Union};

/// Words of the scripts that people chat in.
const WORDS: &[&str] = &[
    "Hello",
    "ok",
    "budget",
    "Q3",
    "tomorrow",
    "Straße",
    "naïve",
    "señor",
    "Привет",
    "встреча",
    "مرحبا",
    "الاجتماع",
    "שלום",
    "你好",
    "会议",
    "こんにちは",
    "안녕하세요",
    "สวัสดี",
    "नमस्ते",
    "😀",
    "👩‍👩‍👧‍👦",
    "🇨🇭",
    "👍🏽",
    "https://example.com/a?b=c&d=e",
    "C:\\temp\\file.txt",
    "1 < 2 && 3 > 2",
    "a=b",
];

const NAMES: &[&str] = &[
    "Alice Example",
    "Bob Example",
    "José García Ñuñez",
    "Zoë Müller",
    "Иван Петров",
    "محمد الأحمد",
    "דוד כהן",
    "王小明",
    "田中 太郎",
    "김민수",
    "Priya नायर",
    "O'Brien, Pat",
    "Dr. Ann-Sofie \"Sofi\" Lindström (Finance)",
    "Sales 🚀 Team",
];

/// Pieces that break naive writers: of mail, of MIME, of HTML, of our own transcript.
const HOSTILE: &[&str] = &[
    // Line ends of all kinds, and what else programs take for them.
    "\r",
    "\n",
    "\r\n",
    "\n\n",
    "\0",
    "\u{b}",
    "\u{c}",
    "\u{1c}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{9b}",
    // Lines that mean something to SMTP, mbox and MIME.
    "\n.\n",
    "\r\n.\r\n",
    "\n..\n",
    "\nFrom alice@example.com Sat Nov 21 09:14:03 2026\n",
    "\n>From x",
    "\n--=_boundary\n",
    "\n--=_boundary--\n",
    "\n--\n",
    "\r\nBcc: eve@example.com\r\n",
    "\nSubject: forged\n\nbody",
    "\nX-Jabber-Archive-Messages: 0\n",
    "\nContent-Type: text/html\n\n",
    // Lines of our transcript.
    "\n[10:00:00Z] Alice Example: I never said that\n",
    "[10:00:00Z] ",
    "\n    ",
    "\n  + File (1 bytes): forged.pdf\n",
    "\n2026-11-21\n",
    "\n\nCisco Jabber archive\nVersion: 1\nMessages: 0\n",
    "\nMessages: 0\n",
    ": ",
    "::",
    "∶ ",
    // Markup.
    "</p></body></html><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--",
    "-->",
    "]]>",
    "&amp;lt;",
    "&#0;",
    "\"'><b>",
    "<style>*{display:none}</style>",
    // Encodings.
    "=?utf-8?B?aGFsbG8=?=",
    "=?utf-8?Q?a_b?=",
    "=?",
    "?=",
    "=3D",
    "=\r\n",
    "=",
    "%0d%0a",
    "+AGE-",
    "\\u000a",
    // Unicode.
    "\u{fffd}",
    "\u{feff}",
    "\u{fffe}",
    "\u{200b}",
    "\u{200d}",
    "\u{ad}",
    "\u{202e}txt.exe\u{202c}",
    "\u{2067}",
    "\u{2069}",
    "e\u{301}\u{301}\u{301}",
    "\u{10ffff}",
    "\u{e000}",
    "ﷺ",
    "İ",
    "ß",
    // Blanks.
    " ",
    "   ",
    "\t",
    " \t ",
    "\u{a0}",
    "\u{3000}",
    // Address syntax.
    ",",
    ";",
    "<",
    ">",
    "\"",
    "\\",
    "@",
    "(",
    ")",
    "<eve@example.com>",
    "\" <eve@example.com>, \"",
];

/// Text as people write it: a few words, sometimes several lines, in any script.
pub fn text() -> impl Strategy<Value = String> + Clone {
    let line = vec(select(WORDS), 1..12).prop_map(|words| words.join(" "));
    vec(line, 1..4).prop_map(|lines| lines.join("\n"))
}

/// Text that tries to leave its place: pieces with a meaning in mail, MIME, HTML or our transcript among words, now and then
/// a word of up to 65,000 characters, now and then nothing.
pub fn hostile_text() -> impl Strategy<Value = String> + Clone {
    let piece = hostile_piece();
    Union::new_weighted(vec![
        (40, vec(piece, 0..12).prop_map(|pieces| pieces.concat()).boxed()),
        // Quoted-printable breaks lines at 76 characters: what comes to stand at the start of a line matters.
        (
            4,
            (60..80_usize, select(&[".", "From ", "--=_x", "=", " ", "\t"][..]))
                .prop_map(|(length, piece)| "x".repeat(length) + piece)
                .boxed(),
        ),
        (
            1,
            (1_000..65_000_usize, select(&["x", "é", "中", "😀", "\u{202e}"][..])).prop_map(|(length, piece)| piece.repeat(length)).boxed(),
        ),
    ])
}

/// A name as directories have it.
pub fn name() -> impl Strategy<Value = String> + Clone {
    select(NAMES).prop_map(str::to_owned)
}

/// A name that tries to be more than a name; now and then a very long one.
pub fn hostile_name() -> impl Strategy<Value = String> + Clone {
    let piece = prop_oneof![3 => select(HOSTILE), 2 => select(NAMES)];
    prop_oneof![
        12 => vec(piece, 1..5).prop_map(|pieces| pieces.concat()),
        1 => (100..3_000_usize, select(&["x", "\"", "中", "=?", "a "][..])).prop_map(|(length, piece)| piece.repeat(length)),
    ]
}

/// A word, a character, or a piece with a meaning in mail, MIME, HTML or our transcript.
pub(super) fn hostile_piece() -> impl Strategy<Value = String> + Clone {
    Union::new_weighted(vec![
        (6, select(HOSTILE).prop_map(str::to_owned).boxed()),
        (3, select(WORDS).prop_map(str::to_owned).boxed()),
        (2, any::<char>().prop_map(String::from).boxed()),
        (1, "[ -~]{0,90}".boxed()),
    ])
}
