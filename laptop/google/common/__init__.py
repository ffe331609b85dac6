"""What the laptop cloud's two Google services share: durability, the gRPC face, HTTP calls that they make, fields."""
