//! How long files and functions are.

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

/// Each function of a source with its lines, from `fn` to its closing brace.
pub fn functions(syntax: &syn::File) -> Vec<(String, usize)> {
    let mut reader = Reader(Vec::new());
    reader.visit_file(syntax);
    reader.0
}

struct Reader(Vec<(String, usize)>);

impl Reader {
    fn found(&mut self, signature: &Signature, block: &Block) {
        let line = |span: Span| span.start().line;
        let length = line(block.brace_token.span.close()) - line(signature.fn_token.span) + 1;
        self.0.push((signature.ident.to_string(), length));
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.found(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.found(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.found(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
