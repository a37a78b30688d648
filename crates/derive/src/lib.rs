//! `#[derive(Module)]`: the ordered, named visit of a struct's parameters.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, Fields, Index, Path, Result, parse_macro_input, parse_quote};

/// Implements `Module` for a struct: its fields are visited in their order, each under its name.
///
/// A field without parameters is marked `#[module(skip)]`. Who depends on the tensor crate without the facade names
/// it: `#[module(crate = tensor)]` on the struct.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(input).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(input: DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "Module can be derived for a struct only"));
    };
    let tensor = crate_path(&input)?;
    let fields = visited(&data.fields)?;
    let [visit, visit_mut, visit_buffers] =
        ["visit", "visit_mut", "visit_buffers"].map(|method| calls(&tensor, &fields, method));

    let mut generics = input.generics.clone();
    generics.params.push(parse_quote!(__T: #tensor::Float));
    let clause = generics.make_where_clause();
    for (_, _, field) in &fields {
        let ty = &field.ty;
        clause.predicates.push(parse_quote!(#ty: #tensor::Module<__T>));
    }
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, type_generics, _) = input.generics.split_for_impl();
    let name = &input.ident;
    Ok(quote! {
        impl #impl_generics #tensor::Module<__T> for #name #type_generics #where_clause {
            fn visit<'__m>(
                &'__m self,
                path: #tensor::Path<'_>,
                f: &mut dyn FnMut(#tensor::Path<'_>, &'__m #tensor::Param<__T>),
            ) {
                #(#visit)*
            }

            fn visit_mut(
                &mut self,
                path: #tensor::Path<'_>,
                f: &mut dyn FnMut(#tensor::Path<'_>, &mut #tensor::Param<__T>),
            ) {
                #(#visit_mut)*
            }

            fn visit_buffers<'__m>(
                &'__m self,
                path: #tensor::Path<'_>,
                f: &mut dyn FnMut(#tensor::Path<'_>, &'__m #tensor::Buffer<__T>),
            ) {
                #(#visit_buffers)*
            }
        }
    })
}

/// The fields that are visited: how to reach each, what it is called, and the field.
fn visited(fields: &Fields) -> Result<Vec<(TokenStream, String, &Field)>> {
    let mut out = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        if skipped(field)? {
            continue;
        }
        let index = Index::from(i);
        out.push(match &field.ident {
            Some(ident) => (quote!(#ident), ident.to_string().trim_start_matches("r#").to_string(), field),
            None => (quote!(#index), i.to_string(), field),
        });
    }
    Ok(out)
}

fn skipped(field: &Field) -> Result<bool> {
    let mut skip = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| match meta.path.is_ident("skip") {
            true => {
                skip = true;
                Ok(())
            }
            false => Err(meta.error("expected `skip`")),
        })?;
    }
    Ok(skip)
}

fn crate_path(input: &DeriveInput) -> Result<Path> {
    let mut path = parse_quote!(::wengert::tensor);
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| match meta.path.is_ident("crate") {
            true => {
                path = meta.value()?.parse()?;
                Ok(())
            }
            false => Err(meta.error("expected `crate = path`")),
        })?;
    }
    Ok(path)
}

/// A call of a method of `Module` for each field; only `visit_mut` changes them.
fn calls(tensor: &Path, fields: &[(TokenStream, String, &Field)], method: &str) -> Vec<TokenStream> {
    let name = Ident::new(method, Span::call_site());
    let call = |(accessor, field, _): &(TokenStream, String, &Field)| match method {
        "visit_mut" => quote!(#tensor::Module::<__T>::#name(&mut self.#accessor, path.field(#field), f);),
        _ => quote!(#tensor::Module::<__T>::#name(&self.#accessor, path.field(#field), f);),
    };
    fields.iter().map(call).collect()
}
