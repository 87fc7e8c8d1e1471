"""Can the persona be talked away? Authored attacks, the experiment, its files and figures."""
