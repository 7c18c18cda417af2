use std::borrow::Cow;

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

    /// Appends the declarations, each property once; nothing if nothing is kept.
    pub(super) fn push(&self, out: &mut String) {
        let mut separator = "";
        let mut declare = |property: &str, push: &dyn Fn(&mut String)| {
            for piece in [separator, property, ":"] {
                out.push_str(piece);
            }
            push(out);
            separator = ";";
        };
        if let Some(color) = self.color {
            declare("color", &|out| color.push(out));
        }
        if let Some(color) = self.background {
            declare("background-color", &|out| color.push(out));
        }
        if let Some(bold) = self.bold {
            declare("font-weight", &|out| out.push_str(if bold { "bold" } else { "normal" }));
        }
        if let Some(italic) = self.italic {
            declare("font-style", &|out| out.push_str(if italic { "italic" } else { "normal" }));
        }
        match (self.underline, self.strike) {
            (true, true) => declare("text-decoration", &|out| out.push_str("underline line-through")),
            (true, false) => declare("text-decoration", &|out| out.push_str("underline")),
            (false, true) => declare("text-decoration", &|out| out.push_str("line-through")),
            (false, false) => {}
        }
    }

    /// Takes a declaration whose value is exactly one of those known; escapes, comments and functions are none of them.
    fn declare(&mut self, property: &str, value: &str) {
        let (property, value) = (lower(property), lower(value));
        match &*property {
            "color" => self.color = Color::parse(&value).and_then(Color::text),
            "background-color" => self.background = Color::parse(&value).and_then(Color::background),
            "font-weight" => {
                self.bold = match &*value {
                    "bold" | "bolder" | "600" | "700" | "800" | "900" => Some(true),
                    "normal" | "lighter" | "100" | "200" | "300" | "400" | "500" => Some(false),
                    _ => return,
                };
            }
            "font-style" => {
                self.italic = match &*value {
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

/// The same in small letters, which it mostly is.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declarations(declarations: &str, color: &str) -> String {
        let mut out = String::new();
        Style::of(declarations, color).push(&mut out);
        out
    }

    #[test]
    fn properties_that_are_known_are_written_anew() {
        for (style, kept) in [
            ("color : RED ;font-weight:BOLD", "color:#dd0000;font-weight:bold"),
            ("font-style: oblique; text-decoration: line-through underline;", "font-style:italic;text-decoration:underline line-through"),
            ("font-weight:normal;background-color:#ff0", "background-color:#ffff00;font-weight:normal"),
            ("color:red;color:blue", "color:#0000ff"),
            ("font-family:Wingdings;font-size:1px;position:fixed;display:none", ""),
            ("text-decoration:none", ""),
            ("", ""),
        ] {
            assert_eq!(declarations(style, ""), kept, "{style}");
        }
        assert_eq!(declarations("font-weight:bold", "green"), "color:#007800;font-weight:bold");
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
                assert_eq!(declarations(&format!("{property}:{value}"), value), "", "{property}: {value}");
            }
        }
        assert_eq!(declarations("/*;color:red;*/", ""), "color:#dd0000");
    }

    #[test]
    fn text_is_not_hidden_by_its_colour() {
        assert_eq!(declarations("color:white", "white"), "");
        assert_eq!(declarations("background-color:black", ""), "");
        assert_eq!(declarations("color:#ffffc0;background-color:#ffffc0", ""), "background-color:#ffffc0");
    }
}
