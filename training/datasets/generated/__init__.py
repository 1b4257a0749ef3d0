"""Data sets drawn from a known model of people: every table of the contract, and what was true.

`domain` says what a world is made of (`shop`, `courses`), `world` draws its people and items, `exposure` what
they were shown, `actions` what they then did, `offers` what was advertised, `oracle` what could have been
known; `tables` and `generate` write it down. A seed decides every row.
"""
