//! A run on one page.

use report::{Axis, Chart, ImageGrid, Report};
use tensor::Tensor;

fn page() -> Report {
    let chart = Chart::new("Cost <&>", Axis::linear("epoch"), Axis::log("cost, nats"))
        .line("a \"b\"", [(1.0, 1.0), (2.0, 0.1)]);
    Report::new("Run <1> & \"more\" ∇")
        .section("Settings & more")
        .text("One paragraph.\n\nAnother <script>alert(1)</script> one.\r\n\r\nA third.")
        .table("All <of> them", ["setting", "value"], [["rate", "0.1"], ["name", "a<b"], ["share", "−3.5 %"]])
        .chart("By epoch", &chart)
        .images("Digits", &ImageGrid::new(&Tensor::zeros([2, 4, 4]), 2).unwrap())
        .unwrap()
}

#[test]
fn a_page_is_complete_in_itself() {
    let html = page().html();
    assert_eq!(html, page().html(), "the same calls, the same bytes");
    for address in ["http://", "https://", "<link", "<script", "@import"] {
        let elsewhere = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!elsewhere.contains(address), "{address}");
    }
    assert!(html.contains("prefers-color-scheme: dark") && html.contains("width=device-width"));
}

#[test]
fn whatever_is_said_is_text() {
    let html = page().html();
    for text in [
        "<h1>Run &lt;1&gt; &amp; &quot;more&quot; ∇</h1>",
        "<h2>Settings &amp; more</h2>",
        "<p>One paragraph.</p>\n<p>Another &lt;script&gt;alert(1)&lt;/script&gt; one.</p>\n<p>A third.</p>",
        "<td>name</td><td>a&lt;b</td>",
        "<td class=\"number\">−3.5 %</td>",
        "<caption>All &lt;of&gt; them</caption>",
        "<figcaption>By epoch</figcaption>",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[test]
fn tags_match() {
    let html = page().html();
    for tag in ["section", "figure", "div", "table", "tr", "td", "th", "p", "svg", "g", "style", "main", "body"] {
        let count = |start: String| html.matches(&start).count();
        let opened = count(format!("<{tag}>")) + count(format!("<{tag} "));
        assert_eq!(opened, count(format!("</{tag}>")), "{tag}");
    }
}

#[test]
fn a_page_is_saved_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.html");
    page().save(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page().html());
    let error = page().save(folder.path().join("no/run.html")).unwrap_err();
    assert!(error.to_string().contains("run.html: cannot create a temporary file beside it"), "{error}");
}
