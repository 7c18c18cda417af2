use crate::header::picture;

/// Whether two texts are shown with the same words: what separates words is of no account, and what is shown as a picture of itself
/// separates none.
pub(super) fn same(one: &str, other: &str) -> bool {
    one == other || words(one).eq(words(other))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_blank).filter(|word| !word.is_empty())
}

fn is_blank(char: char) -> bool {
    matches!(char, '\n' | '\t') || char.is_whitespace() && picture(char) == char
}
