"""Against an ERP that nobody here wrote: Tryton, installed and started by `make test-erp`."""
