//! The web side: routes, HTTP semantics, authentication challenges, the error table.
