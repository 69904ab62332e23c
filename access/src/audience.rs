//! Who a setting is about: everyone, every principal, nobody, or those listed.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use crate::Principal;
use crate::principal::check_name;

/// The value of a `read` or `write` setting of the file or of a repository rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    Everyone,
    Principals,
    Nobody,
    Listed(BTreeSet<String>),
}

impl Audience {
    pub(crate) fn admits(&self, principal: Option<&Principal>) -> bool {
        match self {
            Self::Everyone => true,
            Self::Principals => principal.is_some(),
            Self::Nobody => false,
            Self::Listed(_) => self.lists(principal),
        }
    }

    /// Whether the principal is admitted by name.
    pub(crate) fn lists(&self, principal: Option<&Principal>) -> bool {
        match (self, principal) {
            (Self::Listed(names), Some(principal)) => names.contains(principal.name()),
            _ => false,
        }
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AudienceVisitor)
    }
}

struct AudienceVisitor;

impl<'de> Visitor<'de> for AudienceVisitor {
    type Value = Audience;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"everyone\", \"principals\", \"nobody\" or a list of names")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Audience, E> {
        match word {
            "everyone" => Ok(Audience::Everyone),
            "principals" => Ok(Audience::Principals),
            "nobody" => Ok(Audience::Nobody),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Audience, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(ListedName(name)) = seq.next_element()? {
            names.insert(name);
        }
        Ok(Audience::Listed(names))
    }
}

/// One name of a list.
struct ListedName(String);

impl<'de> Deserialize<'de> for ListedName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ListedNameVisitor)
    }
}

/// A visitor of its own, because what it refuses is told with its line.
struct ListedNameVisitor;

impl Visitor<'_> for ListedNameVisitor {
    type Value = ListedName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<ListedName, E> {
        // Who writes this does not mean a principal called "everyone".
        if matches!(name, "everyone" | "principals" | "nobody") {
            return Err(E::custom(format_args!("\"{name}\" stands alone, not in a list")));
        }
        check_name(name).map_err(E::custom)?;
        Ok(ListedName(name.into()))
    }
}
