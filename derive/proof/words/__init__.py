"""A text's claims in words as theorems: what is given and what follows, proved for all widths or refuted."""
