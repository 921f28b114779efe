//! The calls to AWS in the source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Expr, ExprMethodCall, ItemMod, Member};

/// The crates of the SDK that the program has, and the names of their services in IAM.
const SERVICES: [(&str, &str); 2] = [
    ("aws_sdk_emr", "elasticmapreduce"),
    ("aws_sdk_cloudwatch", "cloudwatch"),
];

/// The actions that the module needs, of all files that have a client of the SDK. Every client is called
/// `client` there, and each of its methods without arguments begins a call.
pub fn in_source(module: &str) -> BTreeSet<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut actions = of_file(&src.join(format!("{module}.rs")));
    of_folder(&src.join(module), &mut actions);
    actions
}

fn of_folder(folder: &Path, actions: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if ["tests", "testing"]
            .iter()
            .any(|test| path.file_stem().is_some_and(|stem| stem == *test))
        {
            continue;
        }
        if path.is_dir() {
            of_folder(&path, actions);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            actions.extend(of_file(&path));
        }
    }
}

fn of_file(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).expect("reads");
    let clients = SERVICES
        .iter()
        .filter(|(sdk, _)| text.contains(&format!("{sdk}::Client")));
    let Some((_, service)) = clients.clone().next() else {
        let name = path.display();
        assert!(
            !text.contains("aws_sdk_") || !text.contains("::Client"),
            "{name}: of another service"
        );
        return BTreeSet::new();
    };
    assert_eq!(
        clients.count(),
        1,
        "{}: one service in a file",
        path.display()
    );
    let mut calls = Calls(BTreeSet::new());
    calls.visit_file(&syn::parse_file(&text).expect("Rust"));
    calls
        .0
        .iter()
        .map(|method| format!("{service}:{}", action(method)))
        .collect()
}

struct Calls(BTreeSet<String>);

impl<'a> Visit<'a> for Calls {
    fn visit_expr_method_call(&mut self, call: &'a ExprMethodCall) {
        if call.args.is_empty() && is_client(&call.receiver) {
            self.0.insert(call.method.to_string());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }
}

/// `client` or `self.client`.
fn is_client(receiver: &Expr) -> bool {
    match receiver {
        Expr::Path(path) => path.path.is_ident("client"),
        Expr::Field(field) => matches!(&field.member, Member::Named(name) if name == "client"),
        _ => false,
    }
}

/// `modify_instance_groups` as IAM names it.
fn action(method: &str) -> String {
    let capitalized = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    };
    method.split('_').map(capitalized).collect()
}
