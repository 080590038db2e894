"""A text's claims in words as theorems: conditions and conclusions in index notation, proved for all widths or refuted."""
