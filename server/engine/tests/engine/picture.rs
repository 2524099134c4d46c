//! The pictures in `docs/` are what the tables draw.

#[path = "../../examples/journey/draw.rs"]
mod draw;

#[test]
fn the_pictures_in_docs_are_what_the_tables_draw() {
    let drawn = [
        ("journey.svg", draw::journeys()),
        ("order.svg", draw::orders()),
    ];
    for (name, drawn) in drawn {
        let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(
            kept == drawn,
            "{name}: cargo run -p engine --example journey -- docs"
        );
    }
}
