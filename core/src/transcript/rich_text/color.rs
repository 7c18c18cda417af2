use data_encoding::HEXLOWER;

use super::style::lower;

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

/// The luminance of text and of what is behind it: their contrast is 4.5:1, which WCAG 2.2 asks for (1.4.3).
const DARK: u32 = 160_000;
const LIGHT: u32 = 910_000;

impl Color {
    /// The colour that `#rgb`, `#rrggbb`, `rgb(r, g, b)` or a name says.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = &*lower(text.trim());
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

    /// This colour or a darker shade of it that can be read on white, and on whatever [`background`](Self::background) gives. None if it is
    /// not a dark one.
    pub(super) fn text(self) -> Option<Self> {
        if self.brightness() > 150 {
            return None;
        }
        let luminance = self.luminance();
        if luminance <= DARK {
            return Some(self);
        }
        // Luminance grows with the square.
        let scale = (u64::from(DARK) * 1_000_000 / u64::from(luminance)).isqrt();
        Some(self.map(|channel| (u64::from(channel) * scale / 1_000) as u8))
    }

    /// This colour or a lighter shade of it on which text in black, and in whatever [`text`](Self::text) gives, can be read. None if it is
    /// not a light one.
    pub(super) fn background(self) -> Option<Self> {
        if self.brightness() < 200 {
            return None;
        }
        (0..=255_u32)
            .map(|white| self.map(|channel| ((u32::from(channel) * (255 - white) + 255 * white) / 255) as u8))
            .find(|shade| shade.luminance() >= LIGHT)
    }

    /// Appends `#rrggbb`.
    pub(super) fn push(self, out: &mut String) {
        out.push('#');
        HEXLOWER.encode_append(&[self.red, self.green, self.blue], out);
    }

    /// As W3C's "Techniques for accessibility evaluation" computes it, from 0 to 255, in whole numbers, so that every machine finds
    /// the same.
    fn brightness(self) -> u32 {
        (u32::from(self.red) * 299 + u32::from(self.green) * 587 + u32::from(self.blue) * 114) / 1000
    }

    /// Nearly WCAG's relative luminance, from 0 to 1,000,000: with squares for its powers, in whole numbers for the same reason. It is more
    /// than WCAG's by at most 0.01 where it is [`LIGHT`], and never less where it is [`DARK`].
    fn luminance(self) -> u32 {
        let square = |channel: u8, weight: u64| u64::from(channel) * u64::from(channel) * weight;
        ((square(self.red, 2_126) + square(self.green, 7_152) + square(self.blue, 722)) * 100 / 65_025) as u32
    }

    fn map(self, change: impl Fn(u8) -> u8) -> Self {
        Self { red: change(self.red), green: change(self.green), blue: change(self.blue) }
    }

    fn of(number: u32) -> Self {
        let [_, red, green, blue] = number.to_be_bytes();
        Self { red, green, blue }
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
            let mut written = String::new();
            Color::parse(text).unwrap().push(&mut written);
            assert_eq!(written, color, "{text}");
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

    fn every_colour() -> impl Iterator<Item = Color> {
        let steps = || (0..=255_u8).step_by(5);
        steps().flat_map(move |red| steps().flat_map(move |green| steps().map(move |blue| Color { red, green, blue })))
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(color: Color) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue)
    }

    #[test]
    fn every_colour_of_text_can_be_read_on_every_colour_behind_it() {
        let text = every_colour().filter_map(Color::text).map(luminance).fold(0.0, f64::max);
        let background = every_colour().filter_map(Color::background).map(luminance).fold(1.0, f64::min);
        assert!((background + 0.05) / (text + 0.05) >= 4.5, "{background} on {text}");
    }

    #[test]
    fn colours_that_can_be_read_stay_what_they_are_and_others_take_another_shade() {
        let color = |text| Color::parse(text).unwrap();
        for dark in ["black", "blue", "#006400", "navy", "maroon", "#222"] {
            assert_eq!((color(dark).text(), color(dark).background()), (Some(color(dark)), None), "{dark}");
        }
        for light in ["white", "yellow", "#ffffcc", "#f8f8f8"] {
            assert_eq!((color(light).text(), color(light).background()), (None, Some(color(light))), "{light}");
        }
        assert_eq!((color("red").text(), color("#eee").background()), (Some(color("#dd0000")), Some(color("#f4f4f4"))));
        assert_eq!((color("orange").text(), color("orange").background()), (None, None));
    }
}
