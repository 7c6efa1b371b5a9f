namespace Shop;

/// <summary>The shop's services.</summary>
public static class ShopServices;
