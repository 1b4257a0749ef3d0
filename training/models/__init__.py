"""Models: the nn.Module that ships and the LightningModule that teaches it, a file each."""
