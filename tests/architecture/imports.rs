//! Which files a file names: in `use`, in paths, in macros and in attributes.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, ImplItem, Item, ItemMod, ItemUse, LitStr, Macro, Path, VisRestricted};

use super::modules::{Tree, attributes, attributes_in_impl, imports_of, is_test};

/// Each file with the files that it names, and where it does so first.
pub type Imports = BTreeMap<String, BTreeMap<String, Place>>;

/// Where a file names another, and how.
#[derive(Debug)]
pub struct Place {
    pub line: usize,
    pub path: String,
}

/// Every import between two files. A path that names a module is an import of the file of that
/// module; `mod child;` is none. Code for tests is left out.
pub fn imports(tree: &Tree) -> Imports {
    let mut imports = Imports::new();
    for file in &tree.files {
        let mut reader = Reader {
            tree,
            file: &file.name,
            module: file.module.clone(),
            found: imports.entry(file.name.clone()).or_default(),
        };
        reader.visit_file(&file.syntax);
    }
    imports
}

struct Reader<'a> {
    tree: &'a Tree,
    file: &'a str,
    module: Vec<String>,
    found: &'a mut BTreeMap<String, Place>,
}

impl Reader<'_> {
    fn found(&mut self, segments: &[String], line: usize) {
        let Some(named) = self.tree.file_named(&self.module, segments) else {
            return;
        };
        if named != self.file {
            self.found.entry(named.to_owned()).or_insert(Place {
                line,
                path: segments.join("::"),
            });
        }
    }

    /// A path with one segment is a local name, or was imported where a `use` says so.
    fn found_path<'i>(&mut self, path: impl Iterator<Item = &'i Ident> + Clone) {
        let segments: Vec<String> = path.clone().map(Ident::to_string).collect();
        let last = path.last().map(|ident| ident.span().start().line);
        if let Some(line) = last.filter(|_| segments.len() > 1) {
            self.found(&segments, line);
        }
    }

    /// The paths in what a macro is called with, which is not always an expression.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            match first {
                TokenTree::Ident(ident) if ident == "use" => rest = self.read_use(first, after),
                TokenTree::Ident(ident) => {
                    let mut path = vec![ident.clone()];
                    while let [
                        TokenTree::Punct(a),
                        TokenTree::Punct(b),
                        TokenTree::Ident(next),
                        ..,
                    ] = rest
                        && (a.as_char(), b.as_char()) == (':', ':')
                    {
                        path.push(next.clone());
                        rest = &rest[3..];
                    }
                    self.found_path(path.iter());
                }
                TokenTree::Group(group) => self.read_tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// A `use` among tokens; returns what follows it.
    fn read_use<'t>(&mut self, keyword: &TokenTree, after: &'t [TokenTree]) -> &'t [TokenTree] {
        let ends = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ';');
        let Some(end) = after.iter().position(ends) else {
            return after;
        };
        let item = std::iter::once(keyword).chain(&after[..=end]).cloned();
        match syn::parse2::<ItemUse>(item.collect()) {
            Ok(item) => {
                self.visit_item_use(&item);
                &after[end + 1..]
            }
            Err(_) => after,
        }
    }

    /// `#[serde(with = "crate::seconds")]` names a module in a string.
    fn read_strings(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) if group.delimiter() != Delimiter::None => {
                    self.read_strings(group.stream());
                }
                TokenTree::Literal(literal) => {
                    let text = syn::parse2::<LitStr>(TokenTree::from(literal).into());
                    if let Ok(path) = text.and_then(|text| text.parse::<Path>()) {
                        self.visit_path(&path);
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !is_test(attributes_in_impl(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for import in imports_of(item) {
            self.found(&import.segments, import.at.span().start().line);
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        self.found_path(path.segments.iter().map(|segment| &segment.ident));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        self.visit_path(&invocation.path);
        self.read_tokens(invocation.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.read_tokens(list.tokens.clone());
            self.read_strings(list.tokens.clone());
        }
    }

    /// `pub(in super::super)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}
}
