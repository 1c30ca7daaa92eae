"""What sellers see of their money: a dashboard, and every entry of their accounts."""
