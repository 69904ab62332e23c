//! Capabilities on one line, as versions 0 and 1 and every push have them.
//!
//! Spec: gitprotocol-capabilities(5)

/// One capability of a list.
pub(crate) struct Item<'a> {
    /// Up to the first `=`.
    pub(crate) name: &'a [u8],
    /// Behind the first `=`, if there is one.
    pub(crate) value: Option<&'a [u8]>,
    /// All of it.
    pub(crate) whole: &'a [u8],
}

/// The items of a list that is separated by white space and ends at a NUL, as git reads it.
pub(crate) fn items(list: &[u8]) -> impl Iterator<Item = Item<'_>> {
    let list = list.split(|byte| *byte == 0).next().unwrap_or_default();
    list.split(|byte| is_space(*byte)).filter(|whole| !whole.is_empty()).map(|whole| {
        match whole.iter().position(|byte| *byte == b'=') {
            Some(at) => Item { name: &whole[..at], value: Some(&whole[at + 1..]), whole },
            None => Item { name: whole, value: None, whole },
        }
    })
}

/// What separates capabilities.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
