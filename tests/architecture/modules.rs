//! The module tree of the crate, read from its files as the compiler would.

use std::collections::BTreeMap;

use syn::{Attribute, Ident, ImplItem, Item, ItemUse, UseTree};

/// The sources below `src`, by their path inside it.
pub type Sources = BTreeMap<String, String>;

/// The two crates of the package, and the file each begins with.
const ROOTS: [(&str, &str); 2] = [("headroom", "lib.rs"), ("main", "main.rs")];

/// How many imports a name may pass through before it is given up.
const MOST_ALIASES: usize = 8;

/// Every module that is compiled without `cfg(test)`.
pub struct Tree {
    /// By absolute path, with the name of the crate first.
    modules: BTreeMap<Vec<String>, Module>,
    /// The parsed files, with the module that each one is.
    pub files: Vec<File>,
}

struct Module {
    file: String,
    /// What `use` makes known here, as it is written.
    names: BTreeMap<String, Vec<String>>,
    /// The modules of which everything is imported, as they are written.
    globs: Vec<Vec<String>>,
}

pub struct File {
    pub name: String,
    pub module: Vec<String>,
    pub syntax: syn::File,
}

impl Tree {
    /// Reads the crates from their roots. A `mod` without a file is an error of the test.
    pub fn of(sources: &Sources) -> Self {
        let mut tree = Self {
            modules: BTreeMap::new(),
            files: Vec::new(),
        };
        for (crate_name, root) in ROOTS {
            if sources.contains_key(root) {
                tree.add_file(sources, vec![crate_name.to_owned()], root);
            }
        }
        tree
    }

    fn add_file(&mut self, sources: &Sources, module: Vec<String>, name: &str) {
        let syntax = syn::parse_file(&sources[name]).unwrap_or_else(|e| panic!("{name}: {e}"));
        self.add_module(sources, &module, name, &syntax.items);
        self.files.push(File {
            name: name.to_owned(),
            module,
            syntax,
        });
    }

    fn add_module(&mut self, sources: &Sources, path: &[String], file: &str, items: &[Item]) {
        let uses = items.iter().filter(|item| !is_test(attributes(item)));
        let imports: Vec<Import> = uses
            .filter_map(|item| match item {
                Item::Use(item) => Some(imports_of(item)),
                _ => None,
            })
            .flatten()
            .collect();
        let module = Module {
            file: file.to_owned(),
            globs: imports
                .iter()
                .filter(|import| import.name.is_none())
                .map(|import| import.segments.clone())
                .collect(),
            names: imports
                .into_iter()
                .filter_map(|import| Some((import.name?, import.segments)))
                .collect(),
        };
        self.modules.insert(path.to_vec(), module);
        for item in items {
            let Item::Mod(child) = item else { continue };
            if is_test(&child.attrs) {
                continue;
            }
            let inner = [path, &[child.ident.to_string()]].concat();
            match &child.content {
                Some((_, items)) => self.add_module(sources, &inner, file, items),
                None => {
                    let name = file_of(&inner, sources);
                    self.add_file(sources, inner, &name);
                }
            }
        }
    }

    /// The file of the innermost module that a path names, as seen from the module `here`.
    /// `None` for what belongs to other crates, and for local names.
    pub fn file_named(&self, here: &[String], segments: &[String]) -> Option<&str> {
        let absolute = self.absolute(here, segments, 0)?;
        let innermost = (1..=absolute.len())
            .map(|length| &absolute[..length])
            .take_while(|path| self.modules.contains_key(*path))
            .last()?;
        Some(&self.modules[innermost].file)
    }

    /// A path from the root of its crate on.
    fn absolute(
        &self,
        here: &[String],
        segments: &[String],
        aliases: usize,
    ) -> Option<Vec<String>> {
        let (first, rest) = segments.split_first()?;
        match first.as_str() {
            "crate" => return Some([&here[..1], rest].concat()),
            "self" | "super" => {
                let (mut parent, mut rest) = (here, segments);
                if first == "self" {
                    rest = &rest[1..];
                }
                while rest.first().is_some_and(|next| next == "super") {
                    parent = parent.split_last()?.1;
                    rest = &rest[1..];
                }
                return Some([parent, rest].concat());
            }
            _ if aliases == MOST_ALIASES => return None,
            _ => {}
        }
        let module = self.modules.get(here)?;
        if self.modules.contains_key(&[here, &segments[..1]].concat()) {
            return Some([here, segments].concat());
        }
        if let Some(alias) = module.names.get(first).filter(|alias| alias[0] != *first) {
            let start = self.absolute(here, alias, aliases + 1)?;
            return Some([&start, rest].concat());
        }
        let by_glob = module.globs.iter().find_map(|glob| {
            let start = self.absolute(here, glob, aliases + 1)?;
            let known = self.modules.get(&start)?.names.contains_key(first)
                || self
                    .modules
                    .contains_key(&[&start, &segments[..1]].concat());
            known.then(|| self.absolute(&start, segments, aliases + 1))?
        });
        by_glob.or_else(|| (first == ROOTS[0].0).then(|| segments.to_vec()))
    }
}

/// `engine/target.rs`, or `engine/target/mod.rs`.
fn file_of(module: &[String], sources: &Sources) -> String {
    let stem = module[1..].join("/");
    let candidates = [format!("{stem}.rs"), format!("{stem}/mod.rs")];
    candidates
        .into_iter()
        .find(|name| sources.contains_key(name))
        .unwrap_or_else(|| panic!("no file for the module {}", module.join("::")))
}

/// A name that `use` imports.
pub struct Import {
    /// The name here; `None` for `*`.
    pub name: Option<String>,
    pub segments: Vec<String>,
    /// Where the last segment is written.
    pub at: Ident,
}

/// What a `use` item imports, each with its whole path.
pub fn imports_of(item: &ItemUse) -> Vec<Import> {
    let mut imports = Vec::new();
    flatten(&item.tree, &[], &mut imports);
    imports
}

fn flatten(tree: &UseTree, prefix: &[Ident], imports: &mut Vec<Import>) {
    let with = |last: &Ident| [prefix, std::slice::from_ref(last)].concat();
    match tree {
        UseTree::Path(path) => flatten(&path.tree, &with(&path.ident), imports),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, prefix, imports);
            }
        }
        UseTree::Name(name) => imports.extend(import(&with(&name.ident), None)),
        UseTree::Rename(rename) => {
            imports.extend(import(&with(&rename.ident), Some(&rename.rename)));
        }
        UseTree::Glob(_) => imports.extend(prefix.last().map(|last| Import {
            name: None,
            segments: prefix.iter().map(Ident::to_string).collect(),
            at: last.clone(),
        })),
    }
}

/// `a::{self}` names `a`.
fn import(path: &[Ident], rename: Option<&Ident>) -> Option<Import> {
    let path = match path {
        [before @ .., last] if last == "self" && !before.is_empty() => before,
        _ => path,
    };
    let last = path.last()?;
    Some(Import {
        name: Some(rename.unwrap_or(last).to_string()),
        segments: path.iter().map(Ident::to_string).collect(),
        at: last.clone(),
    })
}

/// Whether what carries these attributes exists in tests only.
pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<Ident>()
                    .is_ok_and(|condition| condition == "test")
    })
}

pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

pub fn attributes_in_impl(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}
