//! The checks on small sources: each form of import is seen, and each kind of mistake is found.

use std::collections::BTreeSet;

use super::circles::circles;
use super::imports::{Imports, imports};
use super::modules::{Sources, Tree};
use super::{differences, sizes};

/// The imports of a crate with these files, after `lib.rs`, which declares `low` and `high`.
fn imports_in(files: &[(&str, &str)]) -> Imports {
    let fixed = [
        ("lib.rs", "mod low; mod high; mod side;"),
        ("low.rs", "pub mod deep; pub struct Item;"),
        ("low/deep.rs", "pub fn call() {} pub struct Inner;"),
        ("high.rs", "mod inner;"),
        ("high/inner.rs", ""),
        ("side.rs", ""),
    ];
    let all = fixed.iter().chain(files);
    let sources: Sources = all.map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
    imports(&Tree::of(&sources))
}

/// What `high/inner.rs` imports when this is its text.
fn named_by(source: &str) -> Vec<String> {
    let mut imports = imports_in(&[("high/inner.rs", source)]);
    let named = imports.remove("high/inner.rs").expect("a file");
    named.into_keys().collect()
}

#[test]
fn every_form_of_import_is_seen() {
    for source in [
        "use crate::low::deep::call;",
        "use crate::low::deep;",
        "use crate::low::deep::*;",
        "use crate::low::deep::{self};",
        "use crate::low::deep as other;",
        "use crate::{low::{deep::{call, Inner}}};",
        "use super::super::low::deep::call;",
        "use super::super::{low::deep};",
        "use self::super::super::low::deep::Inner;",
        "pub use crate::low::deep::call;",
        "pub(in crate::high) use crate::low::deep::call;",
        "fn f() { crate::low::deep::call() }",
        "fn f() { let g = super::super::low::deep::call; g() }",
        "fn f() { use crate::low::deep::call; call() }",
        "fn f() { if true { loop { crate::low::deep::call() } } }",
        "fn f(_: &crate::low::deep::Inner) {}",
        "fn f() -> Vec<Option<crate::low::deep::Inner>> { vec![] }",
        "fn f<T: Into<crate::low::deep::Inner>>(_: T) {}",
        "impl From<()> for crate::low::deep::Inner { fn from(_: ()) -> Self { Self } }",
        "struct S { field: crate::low::deep::Inner }",
        "type T = crate::low::deep::Inner;",
        "const N: usize = crate::low::deep::N;",
        "fn f(x: X) { match x { crate::low::deep::Inner => {} } }",
        "fn f() { println!(\"{}\", crate::low::deep::call()) }",
        "fn f() { assert!(matches!(x, Some(crate::low::deep::Inner))) }",
        "macro_rules! m { () => { $crate::low::deep::call() } }",
        "thing! { use crate::{low::deep::call}; }",
        "#[serde(with = \"crate::low::deep\")] struct S;",
        "#[serde(default = \"crate::low::deep::call\")] struct S;",
        "#[error(transparent)] struct S(#[from] crate::low::deep::Inner);",
        "#[cfg(feature = \"daemon\")] use crate::low::deep::call;",
        "mod here { use super::super::super::low::deep::call; }",
        "mod here { fn f() { crate::low::deep::call() } }",
    ] {
        assert_eq!(named_by(source), ["low/deep.rs"], "{source}");
    }
}

#[test]
fn names_that_use_brought_in_are_followed() {
    for source in [
        "use crate::low; fn f() { low::deep::call() }",
        "use crate::low as other; fn f() { other::deep::call() }",
        "use crate::low::{self}; use low::deep::call;",
        "use crate::*; fn f() -> low::Item { low::deep::call() }",
    ] {
        let named = named_by(source);
        assert!(named.contains(&"low/deep.rs".to_owned()), "{source}");
        assert!(named.contains(&"low.rs".to_owned()) || source.contains('*'));
    }
}

#[test]
fn a_binary_imports_the_library_by_its_name() {
    let files = [
        ("main.rs", "mod cli;"),
        (
            "cli.rs",
            "use headroom::{low::Item}; fn f() { headroom::low::deep::call() }",
        ),
    ];
    let imports = imports_in(&files);
    let named: Vec<&String> = imports["cli.rs"].keys().collect();
    assert_eq!(named, ["low.rs", "low/deep.rs"]);
}

#[test]
fn what_imports_nothing_is_left_out() {
    for source in [
        "use std::fmt; fn f() { fmt::format(); serde::Serialize::x(); Vec::<u8>::new() }",
        "pub(in crate::high) fn f() {} pub(super) struct S;",
        "/// See [`crate::low::deep`].\n// crate::low::deep::call()\nfn f() {}",
        "#[cfg(test)] mod tests { use crate::low::deep::call; }",
        "#[cfg(test)] mod tests;",
        "#[cfg(test)] use crate::low::deep::call;",
        "struct S; impl S { #[cfg(test)] fn f() { crate::low::deep::call() } }",
        "#[test] fn f() { crate::low::deep::call() }",
        "fn f() { let text = \"crate::low::deep\"; low(text) }",
        "fn f(low: u8) { print(low) }",
        "struct S; impl S { fn f() { Self::g(); self::h() } }",
    ] {
        assert!(named_by(source).is_empty(), "{source}");
    }
}

#[test]
fn edges_beside_the_table_and_unused_ones_are_found() {
    let files = [
        ("high/inner.rs", "\nuse super::super::low::Item;"),
        ("side.rs", "use crate::low::deep::call;"),
    ];
    let imports = imports_in(&files);
    let exact = "low:\n high: low\n side: low";
    assert!(differences(&imports, exact).is_empty());
    assert_eq!(
        differences(&imports, "low:\n high:\n side: low"),
        ["src/high/inner.rs:2 imports super::super::low::Item (low)"]
    );
    assert_eq!(
        differences(&imports, "low:\n high: low side\n side: low"),
        ["high never imports side"]
    );
    assert_eq!(
        differences(&imports, "high: low\n side: low"),
        [
            "low (src/low.rs) is not in the table",
            "low (src/low/deep.rs) is not in the table"
        ]
    );
}

#[test]
fn circles_between_files_are_found() {
    for (files, circle) in [
        // A parent and its child.
        (
            vec![
                ("high.rs", "mod inner; use inner::X; pub struct Y;"),
                ("high/inner.rs", "use super::Y; pub struct X;"),
            ],
            vec!["high.rs", "high/inner.rs"],
        ),
        // A re-export is an import.
        (
            vec![
                (
                    "high.rs",
                    "mod inner; pub use self::inner::X; pub struct Y;",
                ),
                ("high/inner.rs", "pub struct X(super::Y);"),
            ],
            vec!["high.rs", "high/inner.rs"],
        ),
        // Over a third file.
        (
            vec![
                ("high.rs", "mod inner; fn f() { crate::side::g() }"),
                ("side.rs", "use crate::low::Item;"),
                ("low.rs", "pub mod deep; use crate::{high};"),
            ],
            vec!["high.rs", "low.rs", "side.rs"],
        ),
    ] {
        let circle: BTreeSet<String> = circle.into_iter().map(str::to_owned).collect();
        assert_eq!(circles(&imports_in(&files)), [circle], "{files:?}");
    }
}

#[test]
fn declaring_a_module_and_importing_one_way_are_no_circle() {
    for files in [
        vec![("high/inner.rs", "use super::Y;")],
        vec![("high.rs", "mod inner; pub use inner::X;")],
        vec![
            ("high.rs", "mod inner; use inner::X; struct Y;"),
            (
                "high/inner.rs",
                "#[cfg(test)] mod tests { use super::super::Y; }",
            ),
        ],
        vec![
            ("low.rs", "pub mod deep;"),
            ("high.rs", "mod inner; use inner::X; use crate::low::deep;"),
            ("high/inner.rs", "use crate::low::deep::call;"),
        ],
    ] {
        assert!(circles(&imports_in(&files)).is_empty(), "{files:?}");
    }
}

#[test]
fn functions_are_measured_wherever_they_are() {
    let source = "
        /// A remark that does not count.
        fn one() {}
        impl S {
            fn four(
                &self,
            ) {
            }
        }
        trait T {
            fn three() {
                inner();
            }
            fn none();
        }
        #[cfg(test)]
        mod tests {
            fn two() {
            }
        }
    ";
    let syntax = syn::parse_file(source).expect("Rust");
    let expected = [("one", 1), ("four", 4), ("three", 3), ("two", 2)];
    let expected = expected.map(|(name, lines)| (name.to_owned(), lines));
    assert_eq!(sizes::functions(&syntax), expected);
}
