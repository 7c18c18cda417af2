use std::fmt::Write as _;

use super::color::Color;

/// What is kept of an element's style.
///
/// Text is never hidden: its colour is a dark one and what is behind it a light one, each in a shade that can be read with the other. Fonts
/// and sizes are not kept, since there are fonts that show other characters than those that stand there, and sizes at which nothing can be
/// read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Style {
    color: Option<Color>,
    background: Option<Color>,
    bold: Option<bool>,
    italic: Option<bool>,
    underline: bool,
    strike: bool,
}

impl Style {
    /// What declarations of CSS and the attribute `color` of `<font>` say, of which the declarations count before the attribute.
    pub(super) fn of(declarations: &str, color: &str) -> Self {
        let mut style = Self { color: Color::parse(color).and_then(Color::text), ..Self::default() };
        for declaration in declarations.split(';') {
            if let Some((property, value)) = declaration.split_once(':') {
                style.declare(property.trim(), value.trim());
            }
        }
        style
    }

    /// The declarations, each property once; empty if nothing is kept.
    pub(super) fn declarations(&self) -> String {
        let mut declarations = String::new();
        let mut declare = |property: &str, value: &str| {
            let separator = if declarations.is_empty() { "" } else { ";" };
            let _ = write!(declarations, "{separator}{property}:{value}");
        };
        if let Some(color) = self.color {
            declare("color", &color.to_string());
        }
        if let Some(color) = self.background {
            declare("background-color", &color.to_string());
        }
        if let Some(bold) = self.bold {
            declare("font-weight", if bold { "bold" } else { "normal" });
        }
        if let Some(italic) = self.italic {
            declare("font-style", if italic { "italic" } else { "normal" });
        }
        match (self.underline, self.strike) {
            (true, true) => declare("text-decoration", "underline line-through"),
            (true, false) => declare("text-decoration", "underline"),
            (false, true) => declare("text-decoration", "line-through"),
            (false, false) => {}
        }
        declarations
    }

    /// Takes a declaration whose value is exactly one of those known; escapes, comments and functions are none of them.
    fn declare(&mut self, property: &str, value: &str) {
        let (property, value) = (property.to_ascii_lowercase(), value.to_ascii_lowercase());
        match property.as_str() {
            "color" => self.color = Color::parse(&value).and_then(Color::text),
            "background-color" => self.background = Color::parse(&value).and_then(Color::background),
            "font-weight" => {
                self.bold = match value.as_str() {
                    "bold" | "bolder" | "600" | "700" | "800" | "900" => Some(true),
                    "normal" | "lighter" | "100" | "200" | "300" | "400" | "500" => Some(false),
                    _ => return,
                };
            }
            "font-style" => {
                self.italic = match value.as_str() {
                    "italic" | "oblique" => Some(true),
                    "normal" => Some(false),
                    _ => return,
                };
            }
            "text-decoration" if value.split_whitespace().all(|line| matches!(line, "underline" | "line-through" | "none")) => {
                self.underline = value.contains("underline");
                self.strike = value.contains("line-through");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_that_are_known_are_written_anew() {
        for (declarations, kept) in [
            ("color : RED ;font-weight:BOLD", "color:#dd0000;font-weight:bold"),
            ("font-style: oblique; text-decoration: line-through underline;", "font-style:italic;text-decoration:underline line-through"),
            ("font-weight:normal;background-color:#ff0", "background-color:#ffff00;font-weight:normal"),
            ("color:red;color:blue", "color:#0000ff"),
            ("font-family:Wingdings;font-size:1px;position:fixed;display:none", ""),
            ("text-decoration:none", ""),
            ("", ""),
        ] {
            assert_eq!(Style::of(declarations, "").declarations(), kept, "{declarations}");
        }
        assert_eq!(Style::of("font-weight:bold", "green").declarations(), "color:#007800;font-weight:bold");
    }

    #[test]
    fn values_that_are_not_known_are_not_kept() {
        for value in [
            "url(https://example.com)",
            "expression(alert(1))",
            "red/**/",
            "r\\65d",
            "red !important",
            "red}",
            "\"red\"",
            "-moz-binding:url(x)",
            "red\0",
        ] {
            for property in ["color", "background-color", "font-weight", "font-style", "text-decoration"] {
                assert_eq!(Style::of(&format!("{property}:{value}"), value).declarations(), "", "{property}: {value}");
            }
        }
        assert_eq!(Style::of("/*;color:red;*/", "").declarations(), "color:#dd0000");
    }

    #[test]
    fn text_is_not_hidden_by_its_colour() {
        assert_eq!(Style::of("color:white", "white").declarations(), "");
        assert_eq!(Style::of("background-color:black", "").declarations(), "");
        assert_eq!(Style::of("color:#ffffc0;background-color:#ffffc0", "").declarations(), "background-color:#ffffc0");
    }
}
