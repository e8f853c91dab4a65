-- The checks that states have taken in, by the period at whose end they did.
CREATE INDEX checks_folded ON checks (folded, sample) WHERE folded > 0;
