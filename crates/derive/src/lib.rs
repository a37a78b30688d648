//! `#[derive(Module)]`: the ordered, named visit of a struct's parameters.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, Fields, Index, LitStr, Path, Result, Type, parse_macro_input, parse_quote};

/// Implements `Module` for a struct: its fields are visited in their order, each under its name.
///
/// A field without parameters is marked `#[module(skip)]`. `#[module(name = "self_attn")]` gives a field another name,
/// `#[module(flatten)]` none: what is in it is called as if it were in the struct itself. Who depends on the tensor crate
/// without the facade names it: `#[module(crate = tensor)]` on the struct.
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
    for (_, _, ty) in &fields {
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

/// The fields that are visited: how to reach each, the path that it is visited with, and its type.
fn visited(fields: &Fields) -> Result<Vec<(TokenStream, TokenStream, &Type)>> {
    let mut out = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        let index = Index::from(i);
        let (accessor, own_name) = match &field.ident {
            Some(ident) => (quote!(#ident), ident.to_string().trim_start_matches("r#").to_string()),
            None => (quote!(#index), i.to_string()),
        };
        let path = match naming(field)? {
            Naming::Skip => continue,
            Naming::Own => quote!(path.field(#own_name)),
            Naming::Given(name) => quote!(path.field(#name)),
            Naming::Flatten => quote!(path),
        };
        out.push((accessor, path, &field.ty));
    }
    Ok(out)
}

/// What a field is called.
enum Naming {
    Own,
    Given(LitStr),
    Flatten,
    Skip,
}

fn naming(field: &Field) -> Result<Naming> {
    let mut naming = Naming::Own;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            naming = match &meta.path {
                path if path.is_ident("skip") => Naming::Skip,
                path if path.is_ident("flatten") => Naming::Flatten,
                path if path.is_ident("name") => Naming::Given(meta.value()?.parse()?),
                _ => return Err(meta.error("expected `skip`, `flatten` or `name = \"...\"`")),
            };
            Ok(())
        })?;
    }
    Ok(naming)
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
fn calls(tensor: &Path, fields: &[(TokenStream, TokenStream, &Type)], method: &str) -> Vec<TokenStream> {
    let name = Ident::new(method, Span::call_site());
    let call = |(accessor, path, _): &(TokenStream, TokenStream, &Type)| match method {
        "visit_mut" => quote!(#tensor::Module::<__T>::#name(&mut self.#accessor, #path, f);),
        _ => quote!(#tensor::Module::<__T>::#name(&self.#accessor, #path, f);),
    };
    fields.iter().map(call).collect()
}
