use std::fmt;

/// A colour of text or behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Color {
    red: u8,
    green: u8,
    blue: u8,
}

/// The colours that HTML 4 names, and orange.
const NAMED: &[(&str, u32)] = &[
    ("aqua", 0x00_ffff),
    ("black", 0x00_0000),
    ("blue", 0x00_00ff),
    ("fuchsia", 0xff_00ff),
    ("gray", 0x80_8080),
    ("green", 0x00_8000),
    ("lime", 0x00_ff00),
    ("maroon", 0x80_0000),
    ("navy", 0x00_0080),
    ("olive", 0x80_8000),
    ("orange", 0xff_a500),
    ("purple", 0x80_0080),
    ("red", 0xff_0000),
    ("silver", 0xc0_c0c0),
    ("teal", 0x00_8080),
    ("white", 0xff_ffff),
    ("yellow", 0xff_ff00),
];

impl Color {
    /// The colour that `#rgb`, `#rrggbb`, `rgb(r, g, b)` or a name says.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if let Some(digits) = text.strip_prefix('#') {
            let number = u32::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            return match digits.len() {
                3 => Some(Self::of((number & 0xf00) * 0x1100 + (number & 0xf0) * 0x110 + (number & 0xf) * 0x11)),
                6 => Some(Self::of(number)),
                _ => None,
            };
        }
        if let Some(parts) = text.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')')) {
            let mut parts = parts.split(',').map(|part| part.trim().parse::<u8>().ok());
            let color = Self { red: parts.next()??, green: parts.next()??, blue: parts.next()?? };
            return parts.next().is_none().then_some(color);
        }
        NAMED.iter().find(|(name, _)| *name == text).map(|(_, number)| Self::of(*number))
    }

    /// Whether text of this colour can be read on white, and on whatever [is light](Self::is_light).
    pub(super) fn is_dark(self) -> bool {
        self.brightness() <= 150
    }

    /// Whether text in black, and in whatever [is dark](Self::is_dark), can be read on it.
    pub(super) fn is_light(self) -> bool {
        self.brightness() >= 200
    }

    /// As W3C's "Techniques for accessibility evaluation" computes it, from 0 to 255, in whole numbers, so that every machine finds
    /// the same.
    fn brightness(self) -> u32 {
        (u32::from(self.red) * 299 + u32::from(self.green) * 587 + u32::from(self.blue) * 114) / 1000
    }

    fn of(number: u32) -> Self {
        let [_, red, green, blue] = number.to_be_bytes();
        Self { red, green, blue }
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_in_every_way_of_writing_them() {
        for (text, color) in [
            ("#1a3", "#11aa33"),
            (" #00FF7f ", "#00ff7f"),
            ("Orange", "#ffa500"),
            ("rgb(1, 22,255)", "#0116ff"),
            ("#000", "#000000"),
            ("#fff", "#ffffff"),
        ] {
            assert_eq!(Color::parse(text).map(|color| color.to_string()).as_deref(), Some(color), "{text}");
        }
        for text in [
            "",
            "#",
            "#12",
            "#+12",
            "#12345g",
            "rgb(1,2)",
            "rgb(1,2,3,4)",
            "rgb(256,0,0)",
            "rgba(0,0,0,0)",
            "transparent",
            "url(x)",
            "var(--x)",
        ] {
            assert_eq!(Color::parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_colour_is_both_dark_and_light() {
        let color = |text| Color::parse(text).unwrap();
        for dark in ["black", "red", "blue", "green", "gray", "#222"] {
            assert!(color(dark).is_dark() && !color(dark).is_light(), "{dark}");
        }
        for light in ["white", "yellow", "#ffffcc", "#eee"] {
            assert!(color(light).is_light() && !color(light).is_dark(), "{light}");
        }
    }
}
