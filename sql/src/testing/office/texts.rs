//! What people write.

use fastrand::Rng;

const OFFICE: &[&str] = &[
    "ok",
    "yes",
    "Thanks!",
    "brb",
    "on my way",
    "Can you send me the Q3 figures?",
    "Meeting moved to 14:30, room 4.12",
    "Did you see my mail?",
    "I'll call you in 5 min",
    "Who is on call this weekend?",
    "The deployment is done, please check.",
    "lunch?",
    "Let me share my screen",
    "https://intranet.example.com/wiki?page=Onboarding&v=2",
    "That's fine with me :-)",
    "C:\\temp\\report final.xlsx",
    "if (a < b && b > c) return \"&amp;\";",
    "1. Agenda\n2. Budget\n3. Any other business",
    "Line one\r\nline two\r\nline three",
    "Wie besprochen: die Straße ist gesperrt",
    "¿Puedes revisar esto mañana?",
    "Привет, встреча в 15:00?",
];

const SCRIPTS: &[&str] = &[
    "مرحبا، هل يمكننا تأجيل الاجتماع إلى الغد؟",
    "الميزانية: 1,200 USD (Q3)",
    "שלום, נדבר מחר ב-10:00?",
    "你好,会议改到下午三点。",
    "こんにちは、資料を送りました。",
    "안녕하세요, 확인 부탁드립니다",
    "नमस्ते, कल मिलते हैं",
    "👍🏽",
    "👩‍👩‍👧‍👦 🇨🇭 🏳️‍🌈",
    "e\u{301}te\u{301} n\u{303} a\u{30a} o\u{308}",
    "Z\u{351}\u{36b}a\u{343}\u{36a}l\u{348}g\u{35a}o\u{32b}",
    "\u{202b}ימין לשמאל\u{202c} then left",
    "\u{2067}שלום\u{2069} / \u{2066}hello\u{2069}",
    "İstanbul'da görüşürüz, ışık",
    "ﷺ ﬁne ß ſ",
    "\u{3000}全角\u{3000}",
];

/// Pieces that mean something to mail, mbox, MIME, HTML, CSV, SQL or a terminal.
const HOSTILE: &[&str] = &[
    "\r\nBcc: eve@evil.example\r\n",
    "\r\n\r\nContent-Type: text/html\r\n\r\n<b>forged</b>",
    "\nSubject: forged\n\nbody",
    "\nFrom alice.smith@example.com Sat Nov 21 09:14:03 2026\n",
    "\n>From x",
    "\r\n.\r\nQUIT\r\n",
    "\n--=_boundary--\n",
    "</body><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- ]]> -->",
    "]]>",
    "&lt;&amp;&#0;",
    "'; DROP TABLE jm; --",
    "\n[10:00:00Z] Alice Smith: I never said that\n",
    "=?utf-8?B?aGFsbG8=?= =3D =\r\n",
    "\u{0}\u{1}\u{7}\u{8}\u{b}\u{c}\u{1f}",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{85}\u{2028}\u{2029}",
    "\u{feff}\u{200b}\u{ad}",
    "\u{202e}exe.fdp\u{202c}",
    "\r\r\n\n\r",
    "../../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "\u{fffe}\u{10ffff}\u{e000}",
    " \t ",
    "\"<eve@evil.example>\", ,;",
];

/// Something that is said in an office; one in eight times in another script.
pub(super) fn usual(rng: &mut Rng) -> String {
    if rng.u8(0..8) == 0 { script(rng) } else { pick(OFFICE, rng).to_owned() }
}

/// Arabic, Hebrew, Chinese, emoji, combining marks.
pub(super) fn script(rng: &mut Rng) -> String {
    pick(SCRIPTS, rng).to_owned()
}

/// Text that tries to leave its place.
pub(super) fn hostile(rng: &mut Rng) -> String {
    let pieces = rng.usize(1..4);
    let mut text = "note".to_owned();
    for _ in 0..pieces {
        text.push_str(pick(HOSTILE, rng));
    }
    text
}

/// A text of at least so many characters.
pub(super) fn long(length: usize, rng: &mut Rng) -> String {
    let mut text = String::new();
    let mut written = 0;
    while written < length {
        let piece = pick(OFFICE, rng);
        text.push_str(piece);
        text.push(' ');
        written += piece.chars().count() + 1;
    }
    text.push('.');
    text
}

/// The name of a file.
pub(super) fn file_name(rng: &mut Rng) -> String {
    pick(&["Plan & costs.pdf", "Übersicht \"Q3\" <final>.xlsx", "../../boot.ini", "会议.docx", "photo.jpg"], rng).to_owned()
}

/// Line endings as the archive has them: `\n` alone.
pub(super) fn normal(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn pick<'a>(texts: &[&'a str], rng: &mut Rng) -> &'a str {
    texts[rng.usize(0..texts.len())]
}
